using System.Globalization;
using Guanxi.Transformers;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli.Ranks;

/// <summary>How many processes a call asks for: keys of the same names as torchrun's options.</summary>
/// <param name="Processes">Ranks to start on this machine; 1 for none but this process.</param>
/// <param name="Machines">Machines that take part.</param>
/// <param name="Machine">Number of this one.</param>
/// <param name="Host">Host of the first.</param>
/// <param name="Port">Port on it; 0 for a free one, which only one machine can do.</param>
internal sealed record RankLaunch(int Processes, int Machines, int Machine, string Host, int Port)
{
    /// <summary>The key that alone is enough.</summary>
    public const string ProcessesKey = "nproc_per_node";

    /// <summary>The key that names the first machine.</summary>
    public const string HostKey = "master_addr";

    private const string MachinesKey = "nnodes";
    private const string MachineKey = "node_rank";
    private const string PortKey = "master_port";
    private const string ThisMachine = "127.0.0.1";

    // torchrun's.
    private const int UsualPort = 29500;
    private const int MostPort = 65535;
    private const int MostProcesses = 1024;

    private static readonly string[] s_keys = [ProcessesKey, MachinesKey, MachineKey, HostKey, PortKey];

    /// <summary>Whether ranks are to be started.</summary>
    public bool IsNeeded => Processes * Machines > 1;

    /// <summary>The keys.</summary>
    public static IReadOnlyList<string> Keys => s_keys;

    /// <summary>What a key means, for help.</summary>
    public static string Describe(string key) => key switch
    {
        ProcessesKey => "Share the rows among so many processes of this machine.",
        MachinesKey => "Machines that share the rows; the same call on each.",
        MachineKey => "Number of this machine, from 0.",
        HostKey => "Address of the first machine.",
        _ => "Port on the first machine.",
    };

    /// <summary>Whether a key belongs here and not to the run.</summary>
    public static bool Owns(string key) => s_keys.Contains(key);

    /// <summary>Reads the keys.</summary>
    /// <param name="valueOf">Value of a key, or null.</param>
    /// <param name="problems">Told what is wrong.</param>
    public static RankLaunch Read(Func<string, string?> valueOf, List<Problem> problems)
    {
        int Number(string key, int usual, int least, int most)
        {
            if (valueOf(key) is not { } text)
            {
                return usual;
            }

            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            {
                return number;
            }

            problems.Add(new Problem($"--{key}", "the value does not fit", $"a whole number from {least} to {most}", text));
            return usual;
        }

        var machines = Number(MachinesKey, 1, 1, MostProcesses);
        var launch = new RankLaunch(
            Number(ProcessesKey, 1, 1, MostProcesses), machines, Number(MachineKey, 0, 0, machines - 1), valueOf(HostKey) ?? ThisMachine,
            Number(PortKey, machines > 1 ? UsualPort : 0, 1, MostPort));
        if (machines > 1 && (valueOf(HostKey) is null || valueOf(MachineKey) is null))
        {
            problems.Add(new Problem(
                $"--{MachinesKey}", "with several machines each must know its number and the first one's address", $"--{MachineKey} N --{HostKey} ADDRESS"));
        }

        return launch;
    }

    /// <summary>The variables of one of the ranks.</summary>
    /// <param name="local">Its number on this machine.</param>
    /// <param name="port">Port on the first machine.</param>
    public IEnumerable<KeyValuePair<string, string>> Variables(int local, int port)
    {
        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
        return
        [
            new(RankVariables.Rank, Text((Machine * Processes) + local)), new(RankVariables.WorldSize, Text(Machines * Processes)),
            new(RankVariables.LocalRank, Text(local)), new(RankVariables.LocalWorldSize, Text(Processes)),
            new(RankVariables.Host, Host), new(RankVariables.Port, Text(port)), new(RankVariables.IsLaunched, "1"),
        ];
    }
}

/// <summary>torchrun's variables, by which a process knows that it is a rank.</summary>
internal static class RankVariables
{
    public const string Rank = "RANK";
    public const string WorldSize = "WORLD_SIZE";
    public const string LocalRank = "LOCAL_RANK";
    public const string LocalWorldSize = "LOCAL_WORLD_SIZE";
    public const string Host = "MASTER_ADDR";
    public const string Port = "MASTER_PORT";

    /// <summary>Set by this program for the ranks that it starts: the end of their input is a request to stop.</summary>
    public const string IsLaunched = "GUANXI_LAUNCHED_RANK";

    /// <summary>Whether this program started the process as a rank.</summary>
    public static bool IsLaunchedHere => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(IsLaunched));

    /// <summary>Reads what a call and its environment say of ranks.</summary>
    /// <param name="valueOf">Value of a key of the call, or null.</param>
    /// <param name="problems">Told what is wrong.</param>
    /// <returns>Ranks to start, and the place of this process where it is one.</returns>
    public static (RankLaunch Launch, RankPlace? Place) Read(Func<string, string?> valueOf, List<Problem> problems)
    {
        var (launch, place) = (RankLaunch.Read(valueOf, problems), ReadPlace(Environment.GetEnvironmentVariable, problems));
        if (place is not null && launch.IsNeeded)
        {
            problems.Add(new Problem(
                $"--{RankLaunch.ProcessesKey}", "this process is a rank already and starts no others", "one of the two", $"{WorldSize} in the environment as well"));
        }

        return (launch, place);
    }

    /// <summary>Reads the variables; null when this process is no rank, or alone.</summary>
    private static RankPlace? ReadPlace(Func<string, string?> variable, List<Problem> problems)
    {
        if (string.IsNullOrEmpty(variable(WorldSize)))
        {
            return null;
        }

        var before = problems.Count;
        int Number(string name, int? usual)
        {
            var text = variable(name);
            if (usual is { } number && string.IsNullOrEmpty(text))
            {
                return number;
            }

            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number))
            {
                return number;
            }

            problems.Add(new Problem($"environment, {name}", $"{WorldSize} makes this process a rank, which needs a number here", "a whole number", text ?? "nothing"));
            return 0;
        }

        var worldSize = Number(WorldSize, null);
        if (worldSize == 1 && problems.Count == before)
        {
            return null;
        }

        var rank = Number(Rank, null);
        var place = new RankPlace(rank, worldSize, Number(LocalRank, 0), Number(LocalWorldSize, 1), variable(Host) ?? string.Empty, Number(Port, null));
        if (place.Host.Length == 0)
        {
            problems.Add(new Problem($"environment, {Host}", $"{WorldSize} makes this process a rank, which needs the address of rank 0", "a host", "nothing"));
        }

        if (problems.Count == before && (worldSize < 1 || rank >= worldSize))
        {
            problems.Add(new Problem($"environment, {Rank}", "there is no such rank", $"0 to {worldSize - 1}, as {WorldSize} says", $"{rank}"));
        }

        return problems.Count == before ? place : null;
    }
}
