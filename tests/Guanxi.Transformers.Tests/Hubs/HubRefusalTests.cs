using System.Security.Authentication;
using System.Net.Sockets;
using Guanxi.TestKit;
using Guanxi.Transformers.Hubs;
using Xunit;

namespace Guanxi.Transformers.Tests.Hubs;

/// <summary>What a user is told when a download cannot be: name, token, network, disk, and hubs that lie.</summary>
public sealed class HubRefusalTests
{
    [Theory]
    [InlineData(false, 401, "RepoNotFound", false, "the hub shows this model to nobody without a token", "put your token into HF_TOKEN")]
    [InlineData(false, 401, null, true, "the hub does not accept the token", "the token's rights")]
    [InlineData(false, 401, "GatedRepo", false, "access is given on request", "put your token into HF_TOKEN")]
    [InlineData(false, 403, "GatedRepo", true, "access is given on request", "Ask for it at http://127.0.0.1")]
    [InlineData(false, 404, "RepoNotFound", false, "there is no such model", "or try source modelscope")]
    [InlineData(false, 404, "RevisionNotFound", false, "the model has no such revision", "a branch, tag or commit")]
    [InlineData(true, 403, null, false, "the hub shows this model to nobody without a token", "MODELSCOPE_API_TOKEN")]
    [InlineData(true, 404, null, false, "there is no such model", "or try source hf")]
    public void A_refusal_says_what_to_do(bool isModelScope, int status, string? code, bool hasToken, string what, string hint)
    {
        using var call = new HubCall(isModelScope);
        call.Hub.Fault = _ => HubReply.Error(status, code);
        if (hasToken)
        {
            call.Variables["HF_TOKEN"] = HubCall.Token;
        }

        var error = Assert.Throws<OptionsException>(() => call.Run());

        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.Contains(hint, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(HubCall.Token, error.Message, StringComparison.Ordinal);
        Assert.Empty(call.Time.Waits);
        Assert.False(Directory.Exists(call.To));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_revision_that_is_not_there_is_told(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);

        Assert.Contains("has no", Assert.Throws<OptionsException>(() => call.Run(revision: "gone")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_vanished_is_told()
    {
        using var call = new HubCall();
        call.Hub.Fault = request => request.File == HubCall.Weights ? HubReply.Error(404, "EntryNotFound") : null;

        Assert.Contains("model.bin is not there", Assert.Throws<OptionsException>(() => call.Run()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("a/../../outside")]
    [InlineData("/etc/outside")]
    [InlineData("C:/outside")]
    [InlineData("a\\..\\outside")]
    [InlineData("a//b")]
    [InlineData("./a")]
    [InlineData("a/")]
    [InlineData("")]
    [InlineData("a\nb")]
    [InlineData("a\0b")]
    [InlineData(".git/hooks/post-checkout")]
    [InlineData("sub/.GIT/config")]
    public void Names_that_lead_elsewhere_are_refused_and_nothing_is_written(string name)
    {
        foreach (var isModelScope in (bool[])[false, true])
        {
            using var call = new HubCall(isModelScope);
            call.Hub.Files[name] = HubCall.Noise(4, 10);

            var error = Assert.Throws<CheckpointException>(() => call.Run());

            Assert.Contains("not safe to write", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Problems[0].ToString());
            Assert.Empty(call.Hub.Downloads);
            Assert.Empty(call.Folder.Files());
            Assert.Single(call.Run([HubCall.Config]).Files);
        }
    }

    [Fact]
    public void A_name_too_long_for_a_part_and_names_that_clash_are_refused()
    {
        using var call = new HubCall();
        call.Hub.Files[new string('a', 250)] = [1];
        call.Hub.Files["b"] = [1];
        call.Hub.Files["b/c"] = [1];

        var error = Assert.Throws<CheckpointException>(() => call.Run());

        Assert.Equal(2, error.Problems.Count);
        Assert.Contains("two things under this name", error.Problems[1].What, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_written_through_links()
    {
        using var call = new HubCall();
        var outside = Directory.CreateDirectory(call.Folder["outside"]).FullName;
        var victim = call.Folder.Add("victim", "mine");
        Directory.CreateDirectory(call.To);
        Directory.CreateSymbolicLink(Path.Combine(call.To, "onnx"), outside);
        File.CreateSymbolicLink(Path.Combine(call.To, HubCall.Config), victim);

        Assert.Contains("is a link to another folder", Assert.Throws<CheckpointException>(() => call.Run()).Message,
            StringComparison.Ordinal);
        call.Run([HubCall.Config, HubCall.Weights]);

        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
        Assert.Equal("mine", File.ReadAllText(victim));
        Assert.Null(new FileInfo(Path.Combine(call.To, HubCall.Config)).LinkTarget);
    }

    [Theory]
    [InlineData("<html>log in</html>", "text that is no JSON")]
    [InlineData("[]", "no commit in its answer")]
    [InlineData("{\"sha\": \"main\"}", "no commit in its answer")]
    public void A_page_that_is_no_hub_is_told(string body, string found)
    {
        using var call = new HubCall();
        call.Hub.Fault = _ => new HubReply(200, System.Text.Encoding.UTF8.GetBytes(body));

        Assert.Contains(found, Assert.Throws<CheckpointException>(() => call.Run()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Listings_and_redirects_without_end_are_told()
    {
        using var call = new HubCall();
        call.Hub.Fault = request => request.Path.Contains("/tree/", StringComparison.Ordinal)
            ? Linked(call.Hub.Serve(request), "Link", $"<{request.Path}?recursive=true>; rel=\"next\"") : null;
        Assert.Contains("a listing without end", Assert.Throws<CheckpointException>(() => call.Run()).Message, StringComparison.Ordinal);

        call.Hub.Fault = request => Linked(new HubReply(302, []), "Location", request.Path);
        Assert.Contains("redirects", Assert.Throws<CheckpointException>(() => call.Run()).Message, StringComparison.Ordinal);

        static HubReply Linked(HubReply reply, string header, string value)
        {
            reply.Headers[header] = value;
            return reply;
        }
    }

    [Fact]
    public void Too_little_room_is_told_before_anything_comes()
    {
        using var call = new HubCall();

        var error = Assert.Throws<CheckpointException>(() => call.Run(free: 1000));

        Assert.Contains("the disk has too little room; expected 300600 bytes; found 1000 bytes", error.Message, StringComparison.Ordinal);
        Assert.Empty(call.Hub.Downloads);
    }

    [Fact]
    public void A_port_where_nobody_listens_is_told()
    {
        using var call = new HubCall();
        Uri closed;
        using (var hub = new TestHub())
        {
            closed = hub.Endpoint;
        }

        var error = Assert.Throws<CheckpointException>(() => call.Run(endpoint: closed.AbsoluteUri));

        Assert.Contains("the hub refuses the connection", error.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 4, 8], call.Time.Waits.Select(wait => wait.TotalSeconds));
    }

    [Fact]
    public void A_hub_without_TLS_behind_an_https_address_is_told_at_once()
    {
        using var call = new HubCall();

        var error = Assert.Throws<CheckpointException>(() => call.Run(endpoint: $"https://127.0.0.1:{call.Hub.Endpoint.Port}"));

        Assert.Contains("certificate is not trusted, or it speaks no TLS", error.Message, StringComparison.Ordinal);
        Assert.Empty(call.Time.Waits);
    }

    [Fact]
    public void A_name_that_cannot_be_looked_up_is_told_at_once_but_tried_again_when_the_hub_has_answered()
    {
        var errors = new HubErrors(
            new HuggingFaceHub(new Uri("https://hub.invalid"), null), HubRepository.Parse(TestHub.Repository, false));
        var unknown = new HttpRequestException(
            HttpRequestError.NameResolutionError, "x", new SocketException((int)SocketError.HostNotFound));

        Assert.Contains("cannot be looked up", Assert.IsType<CheckpointException>(errors.Of(unknown, hasAnswered: false)).Message,
            StringComparison.Ordinal);
        Assert.IsType<HubInterruption>(errors.Of(unknown, hasAnswered: true));
        Assert.IsType<HubInterruption>(
            errors.Of(new HttpRequestException(HttpRequestError.SecureConnectionError, "x", new IOException("cut")), hasAnswered: false));
        Assert.IsType<CheckpointException>(errors.Of(new HttpRequestException(
            HttpRequestError.SecureConnectionError, "x", new AuthenticationException("untrusted")), hasAnswered: true));
    }

    [Theory]
    [InlineData("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE: the environment forbids asking the hub")]
    [InlineData("TRANSFORMERS_OFFLINE", "true", "HF_HUB_OFFLINE: the environment forbids asking the hub")]
    [InlineData("HF_TOKEN", "hf secret", "HF_TOKEN: this is no token")]
    public void The_environment_can_forbid_it(string variable, string value, string expected)
    {
        using var call = new HubCall();
        call.Variables[variable] = value;

        var error = Assert.Throws<OptionsException>(() => call.Run());

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
        Assert.Empty(call.Hub.Requests);
    }

    [Theory]
    [InlineData("ftp://hub")]
    [InlineData("https://user:pass@hub")]
    [InlineData("not an address")]
    public void An_endpoint_must_be_an_address(string endpoint)
    {
        using var call = new HubCall();

        Assert.Contains("no address of a hub", Assert.Throws<OptionsException>(() => call.Run(endpoint: endpoint)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_fits_nothing_names_some_files()
    {
        using var call = new HubCall();

        Assert.Contains("'config.json', 'model.bin'", Assert.Throws<OptionsException>(() => call.Run(["*.gguf"])).Message,
            StringComparison.Ordinal);
    }
}
