namespace Guanxi.Transformers.Peft;

/// <summary>Restricts an adapter to some layers: PEFT's <c>layers_to_transform</c> and <c>layers_pattern</c>.</summary>
public sealed class LayerFilter
{
    private const string AnyListName = @"[^.]*";

    private readonly ModuleRegex[] _patterns;

    /// <summary>Makes a filter.</summary>
    /// <param name="layers">Numbers of the layers that get an adapter.</param>
    /// <param name="patterns">Names of the list of layers inside a module path, as regular expressions; empty: any name.</param>
    /// <exception cref="OptionsException">A pattern is no regular expression.</exception>
    public LayerFilter(IEnumerable<int> layers, IEnumerable<string> patterns)
    {
        Layers = [.. layers];
        Patterns = [.. patterns];
        IEnumerable<string> used = Patterns.Count == 0 ? [AnyListName] : Patterns;
        _patterns = [.. used.Select(pattern => ModuleRegex.Layer("layers_pattern", pattern))];
    }

    /// <summary>Numbers of the layers that get an adapter.</summary>
    public IReadOnlyList<int> Layers { get; }

    /// <summary>Names of the list of layers; empty: any.</summary>
    public IReadOnlyList<string> Patterns { get; }

    /// <summary>Whether a module lies in one of the layers.</summary>
    /// <param name="modulePath">Its path in the base model.</param>
    /// <returns>False also when no layer number can be found in the path.</returns>
    /// <exception cref="OptionsException">A regular expression takes too long.</exception>
    public bool Includes(string modulePath)
    {
        foreach (var pattern in _patterns)
        {
            if (pattern.LayerOf(modulePath) is { } layer)
            {
                return Layers.Contains(layer);
            }
        }

        return false;
    }
}
