using Guanxi.TestKit;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Hubs;

/// <summary>Downloads from hubs that behave, of both kinds.</summary>
public sealed class HubDownloadTests
{
    public static TheoryData<bool> BothHubs => [false, true];

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Files_come_whole_and_a_second_call_brings_nothing(bool isModelScope, bool isDataset)
    {
        using var call = new HubCall(isModelScope);

        var first = call.Run(isDataset: isDataset);
        call.ExpectWhole();
        var requests = call.Hub.Downloads.Count;
        var second = call.Run(isDataset: isDataset);

        Assert.Equal(TestHub.Commit, first.Commit);
        Assert.All(first.Files, file => Assert.True(file is { WasThere: false, IsVerified: true }));
        Assert.All(second.Files, file => Assert.True(file.WasThere));
        Assert.Equal((3, 3), (requests, call.Hub.Downloads.Count));
        Assert.Equal(isModelScope ? "master" : "main", second.Revision);
        Assert.Equal(0, call.BytesPlanned);
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void A_file_that_is_there_but_spoilt_comes_again(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Run();
        var spoilt = File.ReadAllBytes(Path.Combine(call.To, HubCall.Weights));
        spoilt[1000] ^= 1;
        File.WriteAllBytes(Path.Combine(call.To, HubCall.Weights), spoilt);

        var result = call.Run();

        call.ExpectWhole();
        Assert.Equal(HubCall.Weights, Assert.Single(result.Files, file => !file.WasThere).Name);
    }

    [Fact]
    public void A_long_listing_comes_in_pages_asked_of_the_hub_itself()
    {
        using var call = new HubCall();
        for (var i = 0; i < 20; i++)
        {
            call.Hub.Files[$"data/{i}.json"] = HubCall.Noise(i, 10);
        }

        call.Hub.PageFiles = 5;
        call.Variables["HF_TOKEN"] = HubCall.Token;

        Assert.Equal(23, call.Run().Files.Count);

        call.ExpectWhole();
        Assert.Equal(5, call.Hub.Requests.Count(request => request.Path.EndsWith($"/tree/{TestHub.Commit}", StringComparison.Ordinal)));
        Assert.All(call.Hub.Requests, request => Assert.Equal(HubCall.Token, request.Token));
    }

    [Fact]
    public void A_data_set_of_modelscope_is_listed_in_numbered_pages()
    {
        using var call = new HubCall(isModelScope: true);
        for (var i = 0; i < 205; i++)
        {
            call.Hub.Files[$"data/{i}.json"] = HubCall.Noise(i, 10);
        }

        Assert.Equal(208, call.Run(isDataset: true).Files.Count);

        call.ExpectWhole();
        Assert.Equal(2, call.Hub.Requests.Count(request => request.Path.EndsWith("/repo/tree", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void Files_are_asked_for_at_the_commit_of_the_listing(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);

        call.Run();

        Assert.All(call.Hub.Downloads, request => Assert.Contains(
            TestHub.Commit, request.Path + request.Query.GetValueOrDefault("Revision"), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("config.json", "*.json")]
    [InlineData("config.json model.bin", "model.*", "config.json")]
    [InlineData("onnx/文件 a+b.json", "onnx/")]
    [InlineData("model.bin", "?????.bin")]
    public void Patterns_choose_files(string expected, params string[] include)
    {
        using var call = new HubCall();
        call.Hub.Files.Remove(include[0] == "*.json" ? HubCall.Nested : "none");

        Assert.Equal(expected, string.Join(' ', call.Run(include).Files.Select(file => file.Name)));
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void An_empty_file_comes_without_a_request(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Hub.Files["empty.txt"] = [];

        call.Run(["empty.txt"]);

        Assert.Empty(File.ReadAllBytes(Path.Combine(call.To, "empty.txt")));
        Assert.Empty(call.Hub.Downloads);
    }

    [Theory]
    [InlineData(false, "HF_TOKEN")]
    [InlineData(false, "HUGGING_FACE_HUB_TOKEN")]
    [InlineData(false, "HUGGINGFACE_HUB_TOKEN")]
    [InlineData(true, "MODELSCOPE_API_TOKEN")]
    public void The_token_of_the_environment_is_shown_to_the_hub(bool isModelScope, string variable)
    {
        using var call = new HubCall(isModelScope);
        call.Variables[variable] = $" {HubCall.Token}\n";

        call.Run();

        Assert.All(call.Hub.Requests, request => Assert.Equal(HubCall.Token, request.Token));
        Assert.All(call.Hub.Requests, request =>
            Assert.Equal(isModelScope, request.Headers.GetValueOrDefault("Cookie") == $"m_session_id={HubCall.Token}"));
    }

    [Fact]
    public void The_token_file_is_read_where_the_hubs_own_program_leaves_it()
    {
        using var call = new HubCall();
        call.Variables["HF_HOME"] = call.Folder.FullPath;
        call.Folder.Add("token", $"{HubCall.Token}\n");

        call.Run();

        Assert.All(call.Hub.Requests, request => Assert.Equal(HubCall.Token, request.Token));
    }

    [Fact]
    public void Who_a_hub_redirects_to_never_sees_the_token()
    {
        using var call = new HubCall();
        using var other = new TestHub();
        other.Files[HubCall.Weights] = call.Hub.Files[HubCall.Weights];
        call.Hub.Redirects = other;
        call.Variables["HF_TOKEN"] = HubCall.Token;

        call.Run();

        call.ExpectWhole();
        Assert.Null(Assert.Single(other.Requests).Token);
        Assert.All(call.Hub.Requests, request => Assert.Equal(HubCall.Token, request.Token));
    }

    [Fact]
    public void A_renamed_repository_is_followed()
    {
        using var call = new HubCall();
        call.Hub.Fault = request => request.Path.Contains("org/old", StringComparison.Ordinal) ? Moved(request) : null;

        call.Run(repository: "org/old");

        call.ExpectWhole();

        static HubReply Moved(HubRequest request)
        {
            var reply = new HubReply(307, []);
            reply.Headers["Location"] = request.Path.Replace("org/old", TestHub.Repository, StringComparison.Ordinal);
            return reply;
        }
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void Without_hashes_lengths_are_checked_and_the_caller_learns_it(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Hub.HasHashes = false;

        Assert.All(call.Run().Files, file => Assert.False(file.IsVerified));

        call.ExpectWhole();
        Assert.All(call.Run().Files, file => Assert.True(file.WasThere));
    }

    [Fact]
    public void Every_file_and_folder_reaches_the_device()
    {
        using var call = new HubCall();
        var told = 0;
        for (var failAt = 1; failAt < 60; failAt++)
        {
            var files = new FaultyFileSystem(failAt, Faults.NoSpace, forever: false);
            var error = Record.Exception(() => call.Run([HubCall.Nested], files: files));
            if (!files.Failed)
            {
                Assert.Null(error);
                break;
            }

            told++;
            Assert.Contains("No space left on device", Assert.IsType<CheckpointException>(error).Message, StringComparison.Ordinal);
            if (Directory.Exists(call.To))
            {
                Directory.Delete(call.To, recursive: true);
            }
        }

        // Folder, opening, one write, flush, rename, and the flushes of onnx/ and its parent.
        Assert.Equal(7, told);
        Assert.Equal(call.Hub.Files[HubCall.Nested], File.ReadAllBytes(Path.Combine(call.To, HubCall.Nested)));
    }
}
