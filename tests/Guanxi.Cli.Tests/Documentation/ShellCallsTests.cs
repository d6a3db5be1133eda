using Xunit;

namespace Guanxi.Cli.Tests.Documentation;

/// <summary>What the guards of the documents see.</summary>
public sealed class ShellCallsTests
{
    [Theory]
    [InlineData("./guanxi demo      # the whole way", "demo")]
    [InlineData("HF_ENDPOINT=https://a.b ./guanxi download a/b --include '*.json' --to x", "download a/b --include *.json --to x")]
    [InlineData("echo '{\"a\": 1}' | ./guanxi predict --model m - > out.jsonl", "predict --model m -")]
    [InlineData("source <(./guanxi completion bash)", "completion bash")]
    [InlineData("cd x && ./guanxi info a#b; ./guanxi demo", "info a#b|demo")]
    [InlineData("./guanxi completion zsh >> ~/.zshrc", "completion zsh")]
    [InlineData("run ./guanxi alone", "")]
    [InlineData("./guanxi", "")]
    public void Calls_are_found_as_a_shell_would_make_them(string line, string expected) =>
        Assert.Equal(expected, string.Join('|', ShellCalls.Of(line).Select(call => string.Join(' ', call))));

    [Theory]
    [InlineData("trian", "Did you mean train?")]
    [InlineData("train --modle x", "--modle: unknown key")]
    [InlineData("train --train_mode qlra", "qlra is none of full, lora, qlora")]
    [InlineData("evaluate --dtaa x", "Did you mean --data?")]
    [InlineData("data stats examples/people/trian.tsv", "there is no such file")]
    [InlineData("demo trains a model", "unexpected word")]
    public void A_call_that_cannot_be_made_is_seen(string call, string complaint) =>
        Assert.Contains(CallCheck.Of(call.Split(' ')), found => found.Contains(complaint, StringComparison.Ordinal));
}
