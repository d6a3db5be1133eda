using Guanxi.Cli.Tests.Commands;
using Guanxi.Cli.Tests.Server;
using Guanxi.Relations;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Ranks;

/// <summary>Rows of <c>predict</c> and <c>evaluate</c> that several processes share.</summary>
[Collection(Programs.Name)]
public sealed class SharedRowsTests(TrainedModelFixture trained, TrainedMethodsFixture methods) : IDisposable
{
    private const int Rows = 75;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Predictions_are_those_of_one_process_in_the_order_of_the_rows(int ranks)
    {
        var (model, rows) = Linear(withBadRow: true);
        var alone = ChildProgram.Run("predict", "--model", model, rows).Expect(ExitCode.Done);
        var together = ChildProgram.Run("predict", "--model", model, rows, "--nproc_per_node", $"{ranks}").Expect(ExitCode.Done);

        Assert.Equal(alone.Output, together.Output);
        Assert.Contains("1 rows could not be predicted", together.Error, StringComparison.Ordinal);
        Assert.Equal(Rows + 1, alone.Output.Count(sign => sign == '\n'));
    }

    [Fact]
    public void An_evaluation_is_that_of_one_process()
    {
        var (model, rows) = Linear(withBadRow: false);
        string[] Call(string report, params string[] more) => ["evaluate", "--model", model, "--data", rows, "--report", _folder[report], .. more];
        var alone = ChildProgram.Run(Call("alone")).Expect(ExitCode.Done);
        var together = ChildProgram.Run(Call("together", "--nproc_per_node=2")).Expect(ExitCode.Done);

        Assert.Equal(alone.Output, together.Output);
        Assert.Equal(File.ReadAllText(_folder["alone/predictions.jsonl"]), File.ReadAllText(_folder["together/predictions.jsonl"]));
    }

    [Fact]
    public void A_signal_stops_all_ranks()
    {
        var (model, rows) = Linear(withBadRow: false);
        foreach (var call in (string[][])[["predict", "--model", model, rows], ["evaluate", "--model", model, "--data", rows]])
        {
            using var child = ChildProgram.Start("", [], [.. call, "--nproc_per_node", "2"]);
            while (child.Children().Count < 2)
            {
                Thread.Sleep(TimeSpan.FromMilliseconds(1));
            }

            child.SendTerminate();

            var told = child.WaitForEnd().Expect(ExitCode.Stopped);
            Assert.Contains("stopping; a second signal", told.Error, StringComparison.Ordinal);
            Assert.Equal("", told.Output);
        }
    }

    [Fact]
    public void Rows_that_cannot_be_shared_are_refused_before_anything_starts()
    {
        var (model, rows) = Linear(withBadRow: false);
        var input = ChildProgram.Run("predict", "--model", model, "-", "--nproc_per_node", "2").Expect(ExitCode.WrongCall);
        Assert.Contains("FILE: each of the processes that share rows reads them itself; expected a file; found -", input.Error, StringComparison.Ordinal);
        var server = ChildProgram.Run("evaluate", "--url", "http://127.0.0.1:9", "--data", rows, "--nproc_per_node", "2").Expect(ExitCode.WrongCall);
        Assert.Contains("only the rows of a model can be shared", server.Error, StringComparison.Ordinal);
        var many = ChildProgram.Run("predict", "--model", model, rows, "--nproc_per_node", "two").Expect(ExitCode.WrongCall);
        Assert.Contains("--nproc_per_node: the value does not fit; expected a whole number from 1", many.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_cannot_be_loaded_ends_all_ranks_with_the_reason()
    {
        var (whole, rows) = Linear(withBadRow: false);
        var model = _folder.Copy(whole, "model");
        File.WriteAllText(Path.Combine(model, "tfidf.safetensors"), "damaged");
        var told = ChildProgram.Run("predict", "--model", model, rows, "--nproc_per_node", "2");
        Assert.NotEqual(ExitCode.Done, told.ExitCode);
        Assert.Contains("tfidf.safetensors", told.Error, StringComparison.Ordinal);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Answers_that_a_model_writes_are_those_of_one_process()
    {
        string[] call = ["evaluate", "--model", trained.Base, "--data", trained.Rows, "--decoding", "generate", "--max_rows", "5"];

        Assert.Equal(ChildProgram.Run(call).Expect(ExitCode.Done).Output, ChildProgram.Run([.. call, "--nproc_per_node", "2"]).Expect(ExitCode.Done).Output);
    }

    /// <summary>A model, and rows in an odd number, more than a pass of two processes takes.</summary>
    private (string Model, string Rows) Linear(bool withBadRow)
    {
        string[] lines = [.. File.ReadLines(Path.Combine(Golden.RepositoryRoot, "examples", "people", "test.tsv")).Take(1 + Rows)];
        return (methods.ModelOf(Methods.Tfidf), _folder.Add("rows.tsv", [.. lines[..5], .. withBadRow ? ["父母\t没有记号的一句话"] : Array.Empty<string>(), .. lines[5..]]));
    }
}
