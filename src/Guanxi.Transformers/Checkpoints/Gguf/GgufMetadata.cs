using System.Globalization;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>The keys of a GGUF file with their values; problems with them are collected where the caller says.</summary>
/// <remarks>
/// Values are held as <see cref="long"/>, <see cref="double"/>, <see cref="bool"/>, <see cref="string"/>, or arrays of these, whatever
/// width the file stores them in.
/// </remarks>
public sealed class GgufMetadata
{
    private readonly IReadOnlyDictionary<string, object> _values;

    internal GgufMetadata(string file, IReadOnlyDictionary<string, object> values) => (File, _values) = (file, values);

    /// <summary>The file, for messages.</summary>
    public string File { get; }

    /// <summary>All keys, in the order of the file.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>A text.</summary>
    /// <param name="key">The key.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>The text; null when absent or of another kind.</returns>
    public string? Text(string key, ICollection<Problem> problems) => Find<string>(key, "a text", problems);

    /// <summary>A list of texts.</summary>
    /// <param name="key">The key.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>The texts; null when absent or of another kind.</returns>
    public string[]? Texts(string key, ICollection<Problem> problems) => Find<string[]>(key, "a list of texts", problems);

    /// <summary>A list of numbers; whole ones are given as they are.</summary>
    /// <param name="key">The key.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>The numbers; null when absent or of another kind.</returns>
    public double[]? Numbers(string key, ICollection<Problem> problems) => _values.GetValueOrDefault(key) is long[] whole
        ? Array.ConvertAll(whole, number => (double)number)
        : Find<double[]>(key, "a list of numbers", problems);

    /// <summary>True or false.</summary>
    /// <param name="key">The key.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>The value; null when absent or of another kind.</returns>
    public bool? Flag(string key, ICollection<Problem> problems) => FindValue<bool>(key, "true or false", problems);

    /// <summary>A number, whole or not.</summary>
    /// <param name="key">The key.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>The number; null when absent or of another kind.</returns>
    public double? Number(string key, ICollection<Problem> problems) => _values.GetValueOrDefault(key) is long whole
        ? whole
        : FindValue<double>(key, "a number", problems);

    /// <summary>A whole number, or a list in which it is repeated, as some files give the heads of every layer.</summary>
    /// <param name="key">The key.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>The number; null when absent or of another kind.</returns>
    public long? Whole(string key, ICollection<Problem> problems)
    {
        if (_values.GetValueOrDefault(key) is long[] { Length: > 0 } list && Array.TrueForAll(list, number => number == list[0]))
        {
            return list[0];
        }

        return FindValue<long>(key, "a whole number", problems);
    }

    private static string Show(object value) => value switch
    {
        string text => FileErrors.Quote(text),
        Array list => string.Create(CultureInfo.InvariantCulture, $"a list of {list.Length}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value}"),
    };

    private T? FindValue<T>(string key, string expected, ICollection<Problem> problems)
        where T : struct
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return null;
        }

        if (value is T found)
        {
            return found;
        }

        Report(key, value, expected, problems);
        return null;
    }

    private T? Find<T>(string key, string expected, ICollection<Problem> problems)
        where T : class
    {
        if (!_values.TryGetValue(key, out var value) || value is T)
        {
            return (T?)value;
        }

        Report(key, value, expected, problems);
        return null;
    }

    private void Report(string key, object value, string expected, ICollection<Problem> problems) =>
        problems.Add(new Problem($"{File}, {key}", "the value is of another kind", expected, Show(value)));
}
