using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary>Two network namespaces with a cable between them stand for two hosts: neither reaches the other's loopback.</summary>
[Collection(Programs.Name)]
public sealed class TwoHostTests
{
    private const string FirstAddress = "10.213.7.1";
    private const string SecondAddress = "10.213.7.2";
    private const string Port = "29501";

    [NamespaceFact("golden/training/base")]
    public void One_command_a_host_trains_as_one_host_with_two_ranks_does()
    {
        using var folder = new RankFolder();
        using var hosts = new Hosts();
        string[] Run(string run) => folder.Call(
            run, "--train_mode", "full", "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1", "--max_steps", "4", "--save_steps", "2");
        ChildProgram.Run([.. Run("one"), "--nproc_per_node", "2"]).Expect(ExitCode.Done);

        // The folder of the second host's run stays unused: rank 0 alone writes.
        using var first = ChildProgram.StartIn(hosts.First, [.. Run("two"), .. Machine(0)]);
        using var second = ChildProgram.StartIn(hosts.Second, [.. Run("unused"), .. Machine(1)]);

        first.WaitForEnd().Expect(ExitCode.Done);
        second.WaitForEnd().Expect(ExitCode.Done);
        Assert.False(Directory.Exists(folder["unused"]));
        Assert.Equal(folder.Losses("one"), folder.Losses("two"));
        Assert.Equal(folder.Bytes("one/model.safetensors"), folder.Bytes("two/model.safetensors"));
    }

    private static string[] Machine(int number) =>
        ["--nnodes", "2", "--node_rank", $"{number}", "--nproc_per_node", "1", "--master_addr", FirstAddress, "--master_port", Port];

    private sealed class Hosts : IDisposable
    {
        public Hosts()
        {
            foreach (var host in new[] { First, Second })
            {
                Ip("netns", "add", host);
                Ip("-n", host, "link", "set", "lo", "up");
            }

            Ip("link", "add", "gx0", "netns", First, "type", "veth", "peer", "name", "gx1", "netns", Second);
            Ip("-n", First, "address", "add", $"{FirstAddress}/24", "dev", "gx0");
            Ip("-n", Second, "address", "add", $"{SecondAddress}/24", "dev", "gx1");
            Ip("-n", First, "link", "set", "gx0", "up");
            Ip("-n", Second, "link", "set", "gx1", "up");
        }

        public string First { get; } = $"guanxi-a-{Environment.ProcessId}";

        public string Second { get; } = $"guanxi-b-{Environment.ProcessId}";

        public void Dispose()
        {
            Ip("netns", "delete", First);
            Ip("netns", "delete", Second);
        }

        private static void Ip(params string[] words) => Assert.True(SystemCommand.Succeeds("ip", words), $"ip {string.Join(' ', words)}");
    }
}
