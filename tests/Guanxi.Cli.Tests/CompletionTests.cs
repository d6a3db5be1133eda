using System.Diagnostics;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>What bash and zsh offer for a line that is being typed, with the scripts that <c>completion</c> prints.</summary>
public sealed class CompletionTests : IDisposable
{
    // As a shell does, the words are taken apart at blanks and, in bash, around =.
    private const string Bash =
        """
        source "$1"
        COMP_LINE=$2 COMP_POINT=${3:-${#2}}
        line=${COMP_LINE:0:COMP_POINT}
        IFS=' ' read -ra COMP_WORDS <<<"${line//=/ = }"
        [[ $line != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _guanxi
        printf '%s\n' "${COMPREPLY[@]}"
        complete -p guanxi
        """;

    // Outside the line editor its words are ordinary variables, and what it would show has to be shown by somebody else.
    private const string Zsh =
        """
        compset() { PREFIX=${PREFIX#--*=} }
        compdef() { print -r -- "compdef $*" }
        compadd() { local -a shown; shown=(${(M)fitting:#$PREFIX*}); (( $#shown )) && print -rl -- $shown }
        _files() { print -r -- "files" }
        source "$1"
        words=(${(s: :)2})
        [[ $2 != *' ' ]] || words+=('')
        CURRENT=$#words PREFIX=$words[-1]
        _guanxi
        """;

    private readonly TemporaryFolder _folder = new();

    public CompletionTests()
    {
        var launcher = _folder.Add("guanxi", "#!/bin/sh", $"exec dotnet '{Path.Combine(AppContext.BaseDirectory, "guanxi.dll")}' \"$@\"");
        Assert.True(SystemCommand.Succeeds("chmod", "+x", launcher));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("guanxi tr", "train")]
    [InlineData("./guanxi co", "compare completion")]
    [InlineData("guanxi data s", "split stats")]
    [InlineData("guanxi train --train_f", "--train_file")]
    [InlineData("guanxi train --train_args_file f.json --train_mode ", "full lora qlora")]
    [InlineData("guanxi train --method r", "r-bert")]
    [InlineData("guanxi train --bf16 --see", "--seed")]
    [InlineData("guanxi train --seed 7 --train_m", "--train_mode")]
    [InlineData("guanxi compare --runs a b --da", "--data")]
    [InlineData("guanxi quantize --double_quant --sav", "--save_path")]
    [InlineData("guanxi info ", "")]
    [InlineData("guanxi evaluate --data f --dtype b", "bf16")]
    [InlineData("guanxi quantize --double_quant f", "false")]
    [InlineData("guanxi bench d", "decode")]
    [InlineData("guanxi data convert --form j", "jsonl")]
    [InlineData("guanxi completion z", "zsh")]
    [InlineData("guanxi evaluate --decoding=g", "generate")]
    [InlineData("guanxi train --train_file examples/pe", "")]
    [InlineData("guanxi predict --model ", "")]
    [InlineData("guanxi nonsense --v", "--version")]
    public void Bash_offers_what_fits_and_else_files(string line, string expected)
    {
        var shown = RunBash(line);

        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), shown[..^1].Where(word => word.Length > 0).Order());
        Assert.Equal("complete -o default -F _guanxi guanxi", shown[^1]);
    }

    [Fact]
    public void Without_a_beginning_bash_offers_every_verb_and_no_option() =>
        Assert.Equal(CommandLine.Verbs.Select(verb => verb.Name).Order(), RunBash("guanxi ")[..^1].Order());

    [Fact]
    public void The_cursor_may_stand_inside_the_line() => Assert.Equal(["--json", "--model"], RunBash("guanxi tokenize --  --text x", "guanxi tokenize --".Length)[..^1]
        .Where(word => word is "--json" or "--model" or "--output_dir").Order());

    [Fact]
    public void Every_option_of_every_verb_is_offered()
    {
        foreach (var verb in CommandLine.Verbs)
        {
            var command = verb.Build();
            var known = command.Options.Concat(command.OwnOptions?.Invoke() ?? []).Select(option => option.Name).ToArray();
            Assert.True(verb.Name != "train" || known.Length > 50, "train has more than fifty keys");
            var directive = InProcess.Run("[suggest]", $"guanxi {verb.Name} -").Expect(ExitCode.Done);

            Assert.Empty(known.Except(directive.Lines));
        }
    }

    [ZshTheory]
    [InlineData("guanxi tr", "train")]
    [InlineData("guanxi train --train_mode ", "full lora qlora")]
    [InlineData("guanxi train --train_mode=q", "qlora")]
    [InlineData("guanxi train --train_file examples/pe", "files")]
    public void Zsh_offers_the_same(string line, string expected)
    {
        var shown = RunScript("zsh", ["-f", _folder.Add("asks.zsh", Zsh), Script("zsh"), line]);

        Assert.Equal(["compdef _guanxi guanxi", .. expected.Split(' ')], shown);
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    public void A_script_names_the_call_that_loads_it(string shell) =>
        Assert.Contains($"source <(./guanxi completion {shell})", InProcess.Run("completion", shell).Output, StringComparison.Ordinal);

    private string[] RunBash(string line, int? cursor = null) =>
        RunScript("bash", [_folder.Add("asks.bash", Bash), Script("bash"), line, .. cursor is { } at ? [$"{at}"] : Array.Empty<string>()]);

    private string Script(string shell) => _folder.Add($"guanxi.{shell}", InProcess.Run("completion", shell).Output);

    private string[] RunScript(string shell, string[] words)
    {
        var start = new ProcessStartInfo(shell, words) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.FullPath };
        start.Environment["PATH"] = $"{_folder.FullPath}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["LC_ALL"] = "C.UTF-8";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal("", error.Result);
        return output.TrimEnd('\n').Split('\n');
    }
}

/// <summary>A theory that runs zsh; it counts as skipped where there is none.</summary>
internal sealed class ZshTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips without zsh.</summary>
    public ZshTheoryAttribute() => Skip = s_isThere.Value ? null : "there is no zsh";

    private static readonly Lazy<bool> s_isThere = new(() => SystemCommand.Succeeds("zsh", "--version"));
}
