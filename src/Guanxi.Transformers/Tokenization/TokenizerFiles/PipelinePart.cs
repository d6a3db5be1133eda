using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>A normalizer, pre-tokenizer, post-processor or decoder of a tokenizer.json file.</summary>
internal sealed class PipelinePart
{
    private readonly JsonElement _element;
    private readonly string _where;
    private readonly List<Problem> _problems;

    public PipelinePart(JsonElement element, string where, List<Problem> problems)
    {
        (_element, _where, _problems) = (element, where, problems);
        if (element.ValueKind == JsonValueKind.Object)
        {
            Keys = new JsonKeys(element, where, problems);
            Type = Keys.Text("type") ?? string.Empty;
        }
        else
        {
            using var empty = JsonDocument.Parse("{}");
            Keys = new JsonKeys(empty.RootElement.Clone(), where, problems);
            Type = JsonKeys.Show(element);
        }
    }

    /// <summary>File and key, for messages.</summary>
    public string Where => $"{_where} {Type}";

    /// <summary>Its kind.</summary>
    public string Type { get; }

    /// <summary>Its settings.</summary>
    public JsonKeys Keys { get; }

    /// <summary>A part and those of its sequence, if it is one, in order.</summary>
    /// <param name="key">Key of the sequence.</param>
    public IEnumerable<PipelinePart> Flatten(string key) => Type == "Sequence" ? List(key).SelectMany(part => part.Flatten(key)) : [this];

    /// <summary>A list of parts.</summary>
    public IEnumerable<PipelinePart> List(string key)
    {
        if (Keys.TryFind(key, out var list) && list.ValueKind == JsonValueKind.Array)
        {
            return list.EnumerateArray().Select(item => new PipelinePart(item, _where, _problems));
        }

        Keys.Report(key, "not a list", "[...]", Keys.TryFind(key, out list) ? JsonKeys.Show(list) : null);
        return [];
    }

    /// <summary>Notes that this kind is not supported.</summary>
    /// <param name="supported">The kinds that are.</param>
    public void Refuse(string supported) =>
        _problems.Add(
            new Problem(_where, "this kind is not supported", supported, Type.Length == 0 ? JsonKeys.Show(_element) : $"'{Type}'"));

    /// <summary>Notes that a setting is not supported.</summary>
    public void Refuse(string key, string expected)
    {
        var found = Keys.TryFind(key, out var value) ? JsonKeys.Show(value) : null;
        _problems.Add(new Problem($"{Where}, {key}", "this setting is not supported", expected, found));
    }

    /// <summary>Notes anything else.</summary>
    public void Report(string what, string? expected = null, string? found = null) =>
        _problems.Add(new Problem(Where, what, expected, found));
}
