using Guanxi.Cli.Ranks;
using Guanxi.Transformers;

namespace Guanxi.Cli.Training;

/// <summary>The words behind <c>train</c>: keys are free-form here, what they mean is the argument reader's.</summary>
/// <param name="File">The argument file, or null.</param>
/// <param name="Keys">Keys and values, in order.</param>
/// <param name="Json">Where the result goes in machine form, or null.</param>
/// <param name="Problems">Words that belong to no key.</param>
internal sealed record TrainWords(string? File, IReadOnlyList<KeyValuePair<string, string>> Keys, string? Json, IReadOnlyList<Problem> Problems)
{
    private const string Mark = "--";

    /// <summary>The key that names the argument file.</summary>
    public const string FileKey = "train_args_file";

    /// <summary>The key that names where the result goes in machine form.</summary>
    public const string JsonKey = "json";

    // Alone, a key is switched on.
    private const string Bare = "true";

    /// <summary>Keys of the run itself.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> RunKeys => [.. Keys.Where(key => !RankLaunch.Owns(key.Key))];

    /// <summary>Value of a key, the last where it stands several times; null where it is not there.</summary>
    public string? ValueOf(string name) => Keys.LastOrDefault(key => key.Key == name).Value;

    /// <summary>The words again, for a rank of the run: without those that ask for ranks.</summary>
    public IReadOnlyList<string> OfRank() =>
    [
        .. File is null ? [] : new[] { $"{Mark}{FileKey}={File}" }, .. RunKeys.Select(key => $"{Mark}{key.Key}={key.Value}"),
        .. Json is null ? [] : new[] { $"{Mark}{JsonKey}={Json}" },
    ];

    /// <summary>Reads <c>--key value</c>, <c>--key=value</c> and <c>--key</c>; a list may have several values.</summary>
    /// <param name="words">The words.</param>
    /// <returns>What they say.</returns>
    public static TrainWords Parse(IReadOnlyList<string> words)
    {
        var keys = new List<KeyValuePair<string, string>>();
        var problems = new List<Problem>();
        for (var at = 0; at < words.Count; at++)
        {
            if (!IsKey(words[at]))
            {
                problems.Add(Unexpected(words[at]));
                continue;
            }

            var (key, equals) = (words[at][Mark.Length..], words[at].IndexOf('=', StringComparison.Ordinal));
            if (equals >= 0)
            {
                keys.Add(new(words[at][Mark.Length..equals], words[at][(equals + 1)..]));
                continue;
            }

            var values = words.Skip(at + 1).TakeWhile(word => !IsKey(word)).Take(TrainKeys.IsList(key) ? int.MaxValue : 1).ToArray();
            keys.Add(new(key, values.Length == 0 ? Bare : string.Join(',', values)));
            at += values.Length;
        }

        return Sorted(keys, problems);
    }

    private static bool IsKey(string word) => word.StartsWith(Mark, StringComparison.Ordinal) && word.Length > Mark.Length;

    private static TrainWords Sorted(List<KeyValuePair<string, string>> keys, List<Problem> problems)
    {
        string? Last(string name) => keys.LastOrDefault(key => key.Key == name).Value;
        return new TrainWords(Last(FileKey), [.. keys.Where(key => key.Key is not FileKey and not JsonKey)], Last(JsonKey), problems);
    }

    private static Problem Unexpected(string word) => new(word, "a word that belongs to no key", "--key value",
        Hint: word.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? $"Did you mean --{FileKey} {word}?" : null);
}
