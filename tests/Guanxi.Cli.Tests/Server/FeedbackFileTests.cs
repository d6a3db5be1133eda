using Guanxi.Cli.Server;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>Corrected rows are appended, whoever else writes the file or cuts it off.</summary>
public sealed class FeedbackFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Two_writers_do_not_write_over_each_other()
    {
        using var first = new FeedbackFile(_folder["rows.jsonl"]);
        using var second = new FeedbackFile(_folder["rows.jsonl"]);
        first.Append(Row("甲"));
        second.Append(Row("乙"));
        first.Append(Row("丙"));

        Assert.Equal(["甲", "乙", "丙"], Names());
    }

    [Fact]
    public void A_file_that_was_cut_off_begins_anew()
    {
        using var file = new FeedbackFile(_folder["rows.jsonl"]);
        file.Append(Row("甲"));
        File.WriteAllText(_folder["rows.jsonl"], "");
        file.Append(Row("乙"));

        Assert.Equal(["乙"], Names());
    }

    private string[] Names() =>
        [.. DatasetReader.Read(_folder["rows.jsonl"], new DatasetReadOptions()).Relations.Select(row => row.Person1)];

    private static RelationExample Row(string name) => new($"{name}遇见王五", name, "王五", null, null, "好友", new SourcePlace("", 1, 1));
}
