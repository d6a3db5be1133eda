using System.Text.Json;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Training;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Training;

public sealed class TrainedSentencesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-sentences-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_run_names_its_rows_and_those_it_cut_off_are_not_among_them()
    {
        var rows = Write("rows.tsv", ["label\tcontent", .. Enumerable.Range(0, 30).Select(at => $"父母\t<e1>甲</e1>和<e2>乙</e2>{at}")]);
        Write("train_args.json", [$$"""{"train_file": {{JsonSerializer.Serialize(rows)}}, "group_split": 0.2, "seed": 7}"""]);

        var sentences = TrainedSentences.Read(TrainedSentences.FileOf(_folder)!, _folder);

        var split = GroupSplit.Cut(DatasetReader.Read(rows, new DatasetReadOptions()).Relations, 0.2, 7, SplitGroup.Sentence);
        Assert.Equal(split.Kept.Select(row => row.Text).Order(), sentences!.Order());
        Assert.Equal(30, TrainedSentences.Read(rows, null)!.Count);
    }

    [Fact]
    public void Where_nothing_is_known_nothing_is_said()
    {
        Assert.Null(TrainedSentences.FileOf(_folder));
        Write("train_args.json", ["{\"train_fi"]);
        Assert.Null(TrainedSentences.FileOf(_folder));
        Assert.Null(TrainedSentences.Read(Write("chat.jsonl", ["{\"conversation\": [{\"human\": \"a\", \"assistant\": \"b\"}]}"]), null));
        Assert.Throws<OptionsException>(() => TrainedSentences.Read(Path.Combine(_folder, "none"), null));
    }

    private string Write(string name, string[] lines)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }
}
