using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Peft;

/// <summary>Which layers of a model an adapter configuration means, found and checked before anything is changed.</summary>
internal sealed class AdapterPlan
{
    // PEFT writes the paths of fewer layers than this one by one, and the ends of their names where there are more.
    private const int MostPaths = 20;

    private readonly Module _model;
    private readonly LoraConfig _config;
    private readonly List<AdapterPlace> _places = [];
    private readonly List<string> _otherLinears = [];
    private readonly List<SavedParameter> _saved = [];
    private readonly HashSet<string> _matchedSaved = new(StringComparer.Ordinal);
    private readonly List<Problem> _problems = [];

    private AdapterPlan(Module model, LoraConfig config)
    {
        _model = model;
        _config = config;
    }

    /// <summary>The layers that get an adapter, in the order of the model.</summary>
    public IReadOnlyList<AdapterPlace> Places => _places;

    /// <summary>The parameters that train and are saved whole, in the order of the model.</summary>
    public IReadOnlyList<SavedParameter> Saved => _saved;

    /// <summary>Both in the order of the model: an index into the places, or the complement of one into the saved parameters.</summary>
    public List<int> Order { get; } = [];

    /// <summary>The configuration with its layers spelled out.</summary>
    public LoraConfig Config { get; private set; } = null!;

    /// <summary>Names among the targets that no layer has, one sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <summary>Makes the plan.</summary>
    /// <exception cref="OptionsException">The configuration does not fit the model; all problems are listed.</exception>
    public static AdapterPlan Make(Module model, LoraConfig config)
    {
        var plan = new AdapterPlan(model, config);
        plan.CheckNumbers();
        if (plan._problems.Count == 0)
        {
            plan.Find();
        }

        if (plan._problems.Count > 0)
        {
            throw new OptionsException(plan._problems);
        }

        plan.Config = config.TargetModules.IsAllLinear ? config with { TargetModules = plan.SpelledOut() } : config;
        plan.Warnings = [.. config.TargetModules.Names
            .Where(name => !plan._places.Exists(place => ModuleSelector.EndsWith(place.Path, name)))
            .Select(name => $"target_modules: no layer that gets an adapter is called {FileErrors.Quote(name)}")];
        return plan;
    }

    private void CheckNumbers()
    {
        if (_config.Rank < 1)
        {
            _problems.Add(new Problem("r", "the rank is too small", "at least 1", $"{_config.Rank}"));
        }

        foreach (var (pattern, rank) in _config.RankPattern.Rules.Where(rule => rule.Value < 1 || !double.IsInteger(rule.Value)))
        {
            _problems.Add(new Problem($"rank_pattern, {FileErrors.Quote(pattern)}", "not a rank", "a whole number from 1", $"{rank}"));
        }

        if (_config.Dropout is not (>= 0 and < 1))
        {
            _problems.Add(new Problem("lora_dropout", "not a share", "0 to below 1", $"{_config.Dropout}"));
        }
    }

    private void Find()
    {
        foreach (var (path, module) in _model.NamedModules(string.Empty))
        {
            if (module is Linear linear)
            {
                FindLinear(path, linear);
            }

            foreach (var (name, parameter) in module.Parameters)
            {
                var full = path.Length == 0 ? name : $"{path}.{name}";
                if (SavesPart(full))
                {
                    Order.Add(~_saved.Count);
                    _saved.Add(new SavedParameter(full, parameter));
                }
            }
        }

        if (_places.Count == 0)
        {
            _problems.Add(new Problem(
                "target_modules",
                "no linear layer of the model is selected",
                $"some of {string.Join(", ", _otherLinears.Select(LastSegment).Distinct())}",
                _config.TargetModules.Pattern is { } pattern ? FileErrors.Quote(pattern) : string.Join(", ", _config.TargetModules.Names)));
        }

        foreach (var name in _config.ModulesToSave.Where(name => !_matchedSaved.Contains(name)))
        {
            _problems.Add(new Problem(
                "modules_to_save", "the model has no such module of its own", "e.g. lm_head or embed_tokens", FileErrors.Quote(name),
                "A head that is tied to the embedding is no module of its own."));
        }
    }

    private void FindLinear(string path, Linear linear)
    {
        if (SavesPart(path) && linear.Weight.Parameter is null)
        {
            _problems.Add(
                new Problem("modules_to_save", "a quantised layer cannot be trained whole", Found: FileErrors.Quote(path)));
        }
        else if (!SavesPart(path) && _config.Targets(path))
        {
            Order.Add(_places.Count);
            _places.Add(new AdapterPlace(path, linear, _config.RankOf(path), _config.ScaleOf(path)));
        }
        else
        {
            _otherLinears.Add(path);
        }
    }

    /// <summary>Whether a path lies in a module that is saved whole, or is one.</summary>
    private bool SavesPart(string path)
    {
        var saves = false;
        foreach (var name in _config.ModulesToSave)
        {
            for (var end = path.IndexOf('.', StringComparison.Ordinal); ; end = path.IndexOf('.', end + 1))
            {
                if (ModuleSelector.EndsWith(end < 0 ? path : path[..end], name))
                {
                    saves = true;
                    _matchedSaved.Add(name);
                }

                if (end < 0)
                {
                    break;
                }
            }
        }

        return saves;
    }

    private ModuleSelector SpelledOut()
    {
        var paths = _places.Select(place => place.Path).Order(StringComparer.Ordinal).ToArray();
        var ends = paths.Select(LastSegment).Distinct().Order(StringComparer.Ordinal).ToArray();
        var byEnds = ModuleSelector.Named(ends);

        // A filter of layers or exceptions applies to either spelling; only a full path would escape the filter.
        return paths.Length >= MostPaths && !_otherLinears.Exists(path => byEnds.Selects(path) && !IsFilteredOut(path))
            ? byEnds
            : ModuleSelector.Named(paths);
    }

    private bool IsFilteredOut(string path) =>
        _config.ExcludeModules?.Selects(path) == true || _config.Layers?.Includes(path) == false || SavesPart(path);

    private static string LastSegment(string path) => path[(path.LastIndexOf('.') + 1)..];
}

/// <summary>A layer that gets an adapter.</summary>
/// <param name="Path">Path in the model.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Rank">Rank of the two matrices.</param>
/// <param name="Scale">Factor of their product.</param>
internal sealed record AdapterPlace(string Path, Linear Layer, int Rank, double Scale)
{
    /// <summary>PEFT's name of A.</summary>
    public string DownName => $"{AdapterFolder.Prefix}{Path}.lora_A.weight";

    /// <summary>PEFT's name of B.</summary>
    public string UpName => $"{AdapterFolder.Prefix}{Path}.lora_B.weight";

    /// <summary>PEFT's name of the magnitudes of DoRA.</summary>
    public string MagnitudeName => $"{AdapterFolder.Prefix}{Path}.lora_magnitude_vector";

    /// <summary>Shape of A.</summary>
    public long[] DownShape => [Rank, Layer.Weight.InputSize];

    /// <summary>Shape of B.</summary>
    public long[] UpShape => [Layer.Weight.OutputSize, Rank];

    /// <summary>Shape of the magnitudes.</summary>
    public long[] MagnitudeShape => [Layer.Weight.OutputSize];
}

/// <summary>A parameter that trains and is saved whole.</summary>
/// <param name="Path">Name in the model.</param>
/// <param name="Parameter">The parameter.</param>
internal sealed record SavedParameter(string Path, Parameter Parameter)
{
    /// <summary>PEFT's name.</summary>
    public string Name => AdapterFolder.Prefix + Path;
}
