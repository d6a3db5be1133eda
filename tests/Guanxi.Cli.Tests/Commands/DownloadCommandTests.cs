using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary><c>download</c> as a user calls it, and the models that come from hubs.</summary>
[Collection(Programs.Name)]
public sealed class DownloadCommandTests
{
    private const string Weights = "model.bin";
    private const int WeightsBytes = 300_000;
    private const int Half = 150_000;

    [Theory]
    [InlineData("hf", "main")]
    [InlineData("modelscope", "master")]
    public void A_model_comes_and_the_next_step_is_named(string source, string revision)
    {
        using var folder = new TemporaryFolder();
        using var hub = Hub();
        string[] call = ["download", TestHub.Repository, "--source", source, "--to", folder["to"]];

        var first = ChildProgram.RunWith("", Environment(hub, folder), [.. call, "--json", folder["result.json"]]).Expect(ExitCode.Done);
        var second = ChildProgram.RunWith(
            "", Environment(hub, folder), [.. call, "--endpoint", hub.Endpoint.AbsoluteUri, "--json", "-"]).Expect(ExitCode.Done);

        Assert.Equal(hub.Files[Weights], File.ReadAllBytes(Path.Combine(folder["to"], Weights)));
        Assert.Contains($"./guanxi info {folder["to"]}", first.Output, StringComparison.Ordinal);
        Assert.Contains($"commit {TestHub.Commit}", first.Output, StringComparison.Ordinal);
        Assert.Contains($"{Weights}  293 KiB", first.Error, StringComparison.Ordinal);
        var told = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(folder["result.json"]));
        Assert.Equal((source, revision, TestHub.Commit), (Text(told, "source"), Text(told, "revision"), Text(told, "commit")));
        Assert.Equal(WeightsBytes + 20, told.GetProperty("downloaded_bytes").GetInt64());
        Assert.Equal((0, 2), (
            second.LastRow.GetProperty("downloaded_files").GetInt32(), second.LastRow.GetProperty("files").GetArrayLength()));
        Assert.Equal("", second.Error);
    }

    [Fact]
    public void A_call_that_is_interrupted_keeps_what_has_come_and_the_same_call_goes_on()
    {
        using var folder = new TemporaryFolder();
        using var hub = Hub();
        hub.Fault = request => request.File == Weights ? hub.Serve(request) with { CutAfter = Half, Hangs = true } : null;
        string[] call = ["download", TestHub.Repository, "--include", "*.bin", "--to", folder["to"]];
        using (var child = ChildProgram.Start("", Environment(hub, folder), call))
        {
            child.WaitForErrorLine("files to download: 1");
            Assert.True(SpinWait.SpinUntil(() => Parts(folder) is [{ Length: Half }], TimeSpan.FromMinutes(1)));
            child.SendInterrupt();
            Assert.Contains("the same call goes on from it", child.WaitForEnd().Expect(ExitCode.Stopped).Error, StringComparison.Ordinal);
        }

        hub.Fault = _ => null;
        ChildProgram.RunWith("", Environment(hub, folder), call).Expect(ExitCode.Done);

        Assert.Equal(Half, hub.Downloads[^1].RangeFrom);
        Assert.Empty(Parts(folder));
        Assert.Equal(hub.Files[Weights], File.ReadAllBytes(Path.Combine(folder["to"], Weights)));
    }

    [Theory]
    [InlineData(ExitCode.WrongCall, "there is no such model", "org/other")]
    [InlineData(ExitCode.WrongCall, "has no such revision", TestHub.Repository, "--revision", "gone")]
    [InlineData(ExitCode.WrongCall, "no file of the repository fits", TestHub.Repository, "--include", "*.gguf")]
    [InlineData(ExitCode.WrongCall, "this is no name of a repository", "https://hub/org/tiny")]
    [InlineData(ExitCode.WrongCall, "expected hf | modelscope", TestHub.Repository, "--source", "github")]
    [InlineData(ExitCode.WrongCall, "--json: the file cannot be written", TestHub.Repository, "--json", "/proc/nowhere/result.json")]
    [InlineData(ExitCode.Failed, "the answer is not that of such a hub", "org/html")]
    [InlineData(ExitCode.Failed, "the content that came is not the hub's", TestHub.Repository, "--source", "modelscope")]
    public void What_goes_wrong_is_one_message(int exitCode, string expected, params string[] words)
    {
        using var folder = new TemporaryFolder();
        using var hub = Hub();
        hub.Fault = request => request.Path.Contains("org/html", StringComparison.Ordinal) ? new HubReply(200, "<html>"u8.ToArray())
            : request.Query.ContainsKey("FilePath") ? new HubReply(200, new byte[hub.Files[request.File!].Length])
            : null;

        var told = ChildProgram.RunWith("", Environment(hub, folder), ["download", "--to", folder["to"], .. words]).Expect(exitCode);

        Assert.Contains(expected, told.Error, StringComparison.Ordinal);
        Assert.Equal("", told.Output);
    }

    [Fact]
    public void The_environment_can_forbid_it_and_choose_the_hub()
    {
        using var folder = new TemporaryFolder();
        using var hub = Hub();
        string[] call = ["download", TestHub.Repository, "--to", folder["to"], "--json", "-"];

        var offline = ChildProgram.RunWith("", new(Environment(hub, folder)) { ["HF_HUB_OFFLINE"] = "1" }, call).Expect(ExitCode.WrongCall);
        var chosen = ChildProgram.RunWith("", new(Environment(hub, folder)) { ["USE_MODELSCOPE_HUB"] = "1" }, call).Expect(ExitCode.Done);

        Assert.Contains("HF_HUB_OFFLINE", offline.Error, StringComparison.Ordinal);
        Assert.Equal("modelscope", Text(chosen.LastRow, "source"));
    }

    [GoldenFact("golden/peft/base")]
    public void A_cached_model_opens_by_name()
    {
        using var folder = new TemporaryFolder();
        var environment = new Dictionary<string, string> { ["HF_HUB_CACHE"] = folder["cache"] };
        var snapshot = Cached(Golden.Locate("peft/base"), folder);

        var named = Score(environment, "org/tiny");
        var info = ChildProgram.RunWith("", environment, "info", "org/tiny", "--json", "-").Expect(ExitCode.Done).LastRow;

        Assert.Equal(Score(environment, Golden.Locate("peft/base")), named);
        Assert.Equal(snapshot, Text(info, "path"));
        Assert.Contains(info.GetProperty("files").EnumerateArray(), file =>
            Text(file, "name") == "model.safetensors"
                && file.GetProperty("bytes").GetInt64() == new FileInfo(Golden.Locate("peft/base/model.safetensors")).Length);
    }

    [GoldenFact("golden/peft/lora_r8_all_linear")]
    public void An_adapters_base_is_found_by_the_name_that_the_adapter_gives_it()
    {
        using var folder = new TemporaryFolder();
        var environment = new Dictionary<string, string> { ["HF_HUB_CACHE"] = folder["cache"] };
        Cached(Golden.Locate("peft/base"), folder);
        var adapter = folder.Copy(Golden.Locate("peft/lora_r8_all_linear/adapter"), "adapter");
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(adapter, "adapter_config.json")))!;
        config["base_model_name_or_path"] = "org/tiny";
        File.WriteAllText(Path.Combine(adapter, "adapter_config.json"), config.ToJsonString());

        Assert.Equal(Score(environment, adapter, "--base_model", Golden.Locate("peft/base")), Score(environment, adapter));
    }

    [GoldenFact("golden/training/base")]
    public void A_run_begins_from_a_cached_model_by_name_and_an_unknown_name_tells_the_command()
    {
        using var folder = new TemporaryFolder();
        var environment = new Dictionary<string, string> { ["HF_HUB_CACHE"] = folder["cache"] };
        var snapshot = Cached(Golden.Locate("training/base"), folder);
        var rows = folder.Add(
            "rows.jsonl", Golden.Json("training/rows.json").EnumerateArray().Select(row => row.GetRawText().ReplaceLineEndings(" ")));
        string[] Call(string model) =>
            ["train", "--model_name_or_path", model, "--train_file", rows, "--output_dir", folder["run"], "--train_mode", "lora",
                "--lora_rank", "8", "--max_steps", "1"];

        ChildProgram.RunWith("", environment, Call("org/tiny")).Expect(ExitCode.Done);
        var unknown = ChildProgram.RunWith("", environment, Call("org/other")).Expect(ExitCode.WrongCall);

        Assert.Equal(snapshot, BaseOf(Path.Combine(folder["run"], "adapter_config.json")));
        Assert.Contains("./guanxi download org/other --to models/other", unknown.Error, StringComparison.Ordinal);
    }

    private static string Score(Dictionary<string, string> environment, params string[] model) => ChildProgram.RunWith(
        "{\"context_ids\": [1, 2], \"continuation_ids\": [3, 4]}\n", environment, ["score", "--dtype", "fp32", "--model", .. model])
            .Expect(ExitCode.Done).Output;

    private static TestHub Hub()
    {
        var hub = new TestHub();
        var weights = new byte[WeightsBytes];
        new Random(1).NextBytes(weights);
        hub.Files[Weights] = weights;
        hub.Files["config.json"] = new byte[20];
        return hub;
    }

    private static Dictionary<string, string> Environment(TestHub hub, TemporaryFolder folder) => new()
    {
        ["HOME"] = folder.FullPath,
        ["HF_ENDPOINT"] = hub.Endpoint.AbsoluteUri,
        ["MODELSCOPE_ENDPOINT"] = hub.Endpoint.AbsoluteUri,
        ["NO_PROXY"] = "127.0.0.1",
        ["no_proxy"] = "127.0.0.1",
    };

    private static FileInfo[] Parts(TemporaryFolder folder) =>
        Directory.Exists(folder["to"]) ? new DirectoryInfo(folder["to"]).GetFiles(".*.partial") : [];

    private static string Text(JsonElement item, string name) => item.GetProperty(name).GetString()!;

    private static string BaseOf(string adapterConfig) =>
        Text(JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(adapterConfig)), "base_model_name_or_path");

    /// <summary>A model in the layout of Hugging Face's cache: a snapshot of links to blobs without endings.</summary>
    private static string Cached(string model, TemporaryFolder folder)
    {
        var repository = Path.Combine(folder["cache"], "models--org--tiny");
        var snapshot = Directory.CreateDirectory(Path.Combine(repository, "snapshots", TestHub.Commit)).FullName;
        Directory.CreateDirectory(Path.Combine(repository, "blobs"));
        Directory.CreateDirectory(Path.Combine(repository, "refs"));
        File.WriteAllText(Path.Combine(repository, "refs", "main"), TestHub.Commit);
        foreach (var (i, file) in Directory.EnumerateFiles(model).Index())
        {
            File.Copy(file, Path.Combine(repository, "blobs", $"{i:x40}"));
            File.CreateSymbolicLink(Path.Combine(snapshot, Path.GetFileName(file)), $"../../blobs/{i:x40}");
        }

        return snapshot;
    }
}
