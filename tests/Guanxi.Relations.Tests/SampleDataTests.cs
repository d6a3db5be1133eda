using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Relations.Tests;

/// <summary>The sample that a newcomer trains on is clean under our own checks.</summary>
public sealed class SampleDataTests
{
    private static readonly string s_folder = Path.Combine(Golden.RepositoryRoot, "examples", "people");

    [Fact]
    public void The_sample_has_no_finding()
    {
        string[] files = [Path.Combine(s_folder, "train.tsv"), Path.Combine(s_folder, "test.tsv")];

        var findings = DataChecker.Check(files, new DataCheckOptions());

        Assert.True(findings.Count == 0, string.Join('\n', findings));
    }

    [Theory]
    [InlineData("train.tsv", 684, 48)]
    [InlineData("test.tsv", 215, 15)]
    public void Every_label_has_rows_enough(string file, int rows, int least)
    {
        var data = DatasetReader.Read(Path.Combine(s_folder, file), new DatasetReadOptions());

        Assert.Equal(rows, data.Relations.Count);
        var counts = data.Relations.CountBy(row => row.Label!).ToArray();
        Assert.Equal(14, counts.Length);
        Assert.All(counts, count => Assert.InRange(count.Value, least, rows));
    }
}
