using System.CommandLine;
using Guanxi.Transformers;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli.Ranks;

/// <summary>The options of a verb whose rows several processes share, and the processes themselves.</summary>
internal sealed class RankOptions
{
    private static readonly RankWords s_words = new("stopping; a second signal ends the program at once", "Nothing is lost but time: call it again");

    // Hugging Face's ddp_timeout, and what train takes for silence.
    private static readonly RankPatience s_patience = new(TimeSpan.FromMinutes(30), TimeSpan.FromSeconds(30));

    private readonly Dictionary<string, Option<string?>> _options;

    /// <summary>Adds the options to a command.</summary>
    public RankOptions(Command command)
    {
        _options = RankLaunch.Keys.ToDictionary(key => key, key => OptionKinds.Text($"--{key}", key == RankLaunch.HostKey ? "HOST" : "N", RankLaunch.Describe(key)));
        foreach (var option in _options.Values)
        {
            command.Add(option);
        }
    }

    /// <summary>Runs the verb: here alone, here as one of several ranks, or as ranks that are started.</summary>
    /// <param name="parsed">The call.</param>
    /// <param name="refused">Why the call is none that ranks can share; null when they can.</param>
    /// <param name="status">Where to speak.</param>
    /// <param name="work">The verb; only the first of the ranks may write anything.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="OptionsException">Options or environment are wrong.</exception>
    /// <exception cref="RankLostException">Another process was lost.</exception>
    public int Run(ParseResult parsed, Problem? refused, StatusLine status, Func<RankGroup, int> work)
    {
        List<Problem> problems = [];
        var (launch, place) = RankVariables.Read(key => parsed.GetValue(_options[key]), problems);
        if (refused is not null && (launch.IsNeeded || place is not null))
        {
            problems.Add(refused);
        }

        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }

        return launch.IsNeeded ? RankLauncher.Run(OwnWords(), s_words, launch, status) : Work(place, work);
    }

    private static int Work(RankPlace? place, Func<RankGroup, int> work)
    {
        using var ranks = place is null ? RankGroup.Alone : RankGroup.Join(place, s_patience);
        return ranks.Run(() => work(ranks));
    }

    /// <summary>The words of this call without those that ask for ranks.</summary>
    private static List<string> OwnWords()
    {
        var words = new List<string>();
        var all = Environment.GetCommandLineArgs();
        for (var at = 1; at < all.Length; at++)
        {
            var (name, equals) = (all[at].TrimStart('-'), all[at].IndexOf('=', StringComparison.Ordinal));
            if (!all[at].StartsWith("--", StringComparison.Ordinal) || !RankLaunch.Owns(equals < 0 ? name : all[at][2..equals]))
            {
                words.Add(all[at]);
            }
            else if (equals < 0)
            {
                at++;
            }
        }

        return words;
    }
}
