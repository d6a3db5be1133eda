using Guanxi.Cli.Tests.Commands;
using Guanxi.TestKit;

namespace Guanxi.Cli.Tests.Reporting;

/// <summary>Reports that the program wrote: of a model, and of a comparison of it with worse and random answers.</summary>
public sealed class ReportFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ReportFixture()
    {
        var rows = _folder.Add("rows.tsv", TrainedModelFixture.SampleLines("train.tsv", every: 2, 340));

        // Some of the rows were trained on: the report has to tell them apart.
        Test = _folder.Add("test.tsv", [.. File.ReadLines(Path.Combine(Golden.RepositoryRoot, "examples", "people", "test.tsv")),
            .. File.ReadLines(rows).Skip(1).Take(40)]);
        ChildProgram.Run("train", "--method", "tfidf", "--train_file", rows, "--output_dir", Model).Expect(ExitCode.Done);
        ChildProgram.Run("evaluate", "--model", Model, "--data", Test, "--report", Evaluation).Expect(ExitCode.Done);
        string[] answers = [.. File.ReadLines(Test).Skip(1).Select(line => line.Split('\t')[0])];
        var shifted = _folder.Add("shifted.txt", answers.Select((label, at) => at % 5 < 2 ? answers[(at + 3) % answers.Length] : label));
        var other = _folder.Add("other.txt", answers.Select((label, at) => at % 9 < 4 ? answers[(at + 5) % answers.Length] : label));
        ChildProgram.Run(
            "compare", "--runs", $"baseline={Evaluation}", $"two seeds={shifted}", $"two seeds={other}", $"another={other}",
            "--data", Test, "--report", Comparison).Expect(ExitCode.Done);
    }

    /// <summary>The model.</summary>
    public string Model => _folder["linear baseline"];

    /// <summary>The rows that were answered.</summary>
    public string Test { get; }

    /// <summary>Folder of the evaluation's report.</summary>
    public string Evaluation => _folder["report"];

    /// <summary>Folder of the comparison's report.</summary>
    public string Comparison => _folder["comparison"];

    public void Dispose() => _folder.Dispose();
}
