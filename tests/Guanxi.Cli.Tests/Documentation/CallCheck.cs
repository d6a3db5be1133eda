using Guanxi.Cli.Ranks;
using Guanxi.Cli.Training;
using Guanxi.TestKit;

namespace Guanxi.Cli.Tests.Documentation;

/// <summary>What would not work about a call that is shown to people, as far as that can be told without running it.</summary>
internal static class CallCheck
{
    /// <summary>Folders of the repository whose files calls name.</summary>
    private static readonly string[] s_folders = ["assets/", "examples/", "recipes/", "docs/"];

    /// <summary>Complaints; none for a call that the parser takes, with files that are there.</summary>
    public static IEnumerable<string> Of(string[] words) =>
    [
        .. CommandLine.Check(words).Select(problem => problem.ToString()),
        .. words.FirstOrDefault() == "train" ? OfTraining(words[1..]) : [],
        .. words.Where(word => s_folders.Any(folder => word.StartsWith(folder, StringComparison.Ordinal)) && !Path.Exists(Path.Combine(Golden.RepositoryRoot, word)))
            .Select(word => $"{word}: there is no such file"),
    ];

    private static IEnumerable<string> OfTraining(string[] words)
    {
        if (words is ["--help"])
        {
            yield break;
        }

        var read = TrainWords.Parse(words);
        foreach (var problem in read.Problems)
        {
            yield return problem.ToString();
        }

        var keys = TrainKeys.Groups().SelectMany(group => group.Keys).ToDictionary(key => key.Name, key => key.Words);
        foreach (var (key, value) in read.RunKeys)
        {
            var known = keys.GetValueOrDefault(key);
            if (known is null && !RankLaunch.Owns(key))
            {
                yield return $"--{key}: unknown key";
            }
            else if (known is { Count: > 0 } && !known.Contains(value))
            {
                yield return $"--{key}: {value} is none of {string.Join(", ", known)}";
            }
        }
    }
}
