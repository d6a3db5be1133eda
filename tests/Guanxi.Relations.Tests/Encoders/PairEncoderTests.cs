using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Guanxi.Relations.Encoders;
using Guanxi.Relations.Formats;
using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Tokenization;
using Xunit;

namespace Guanxi.Relations.Tests.Encoders;

/// <summary>Rows as the encoders of the published methods read them.</summary>
public sealed class PairEncoderTests
{
    private const string Goldens = "golden/relation-models";

    [GoldenFact(Goldens)]
    public void R_bert_rows_have_the_ids_and_spans_of_the_reference()
    {
        var encoder = new PairEncoder(Tokenizer(), PairForm.RBert, 64);
        foreach (var row in Rows("markers"))
        {
            var example = Example(row);
            var pair = encoder.Encode(example);

            Assert.Equal(row.GetProperty("marked").GetString(), PairText.Marked(example).Text);
            Assert.Equal(Ids(row), pair.Ids);
            Assert.Equal(Span(row, "e1"), pair.Spans.First);
            Assert.Equal(Span(row, "e2"), pair.Spans.Second);
            Assert.False(pair.IsCut);
        }
    }

    [GoldenFact(Goldens)]
    public void A_long_row_keeps_both_people_where_the_published_code_cuts_them_off()
    {
        var (whole, short24) = (new PairEncoder(Tokenizer(), PairForm.RBert, 100), new PairEncoder(Tokenizer(), PairForm.RBert, 24));
        foreach (var row in Rows("cut-markers"))
        {
            var example = Example(row);
            var (all, cut) = (whole.Encode(example), short24.Encode(example));

            Assert.Equal(Ids(row), all.Ids[..24]);
            Assert.Equal(all.Ids.Length > 24, cut.IsCut);
            Assert.Equal(Math.Min(24, all.Ids.Length), cut.Ids.Length);
            Assert.Equal(all.Ids[all.Spans.First.Start..all.Spans.First.End], cut.Ids[cut.Spans.First.Start..cut.Spans.First.End]);
            Assert.Equal(all.Ids[all.Spans.Second.Start..all.Spans.Second.End], cut.Ids[cut.Spans.Second.Start..cut.Spans.Second.End]);
        }
    }

    [GoldenFact(Goldens)]
    public void Even_names_longer_than_all_there_is_room_for_are_cut_and_no_error()
    {
        var name = string.Concat(Enumerable.Repeat("甲乙", 30));
        var example = Row($"{name}与{name}二", name, name + "二");
        foreach (var form in new[] { PairForm.RBert, PairForm.BertCls, PairForm.BiGru })
        {
            var pair = new PairEncoder(Tokenizer(), form, 16).Encode(example);

            Assert.Equal(16, pair.Ids.Length);
            Assert.True(pair.Spans.First.End > pair.Spans.First.Start && pair.Spans.Second.End > pair.Spans.Second.Start, $"{form}: {pair.Spans}");
        }
    }

    [GoldenFact(Goldens)]
    public void Cls_rows_end_with_sep_and_are_otherwise_those_of_r_bert()
    {
        using var golden = SafetensorsFile.Open(Golden.Locate("relation-models/bert-cls/case.safetensors"));
        var (ids, mask) = (golden.Read<long>("input_ids"), golden.Read<long>("attention_mask"));
        var encoder = new PairEncoder(Tokenizer(), PairForm.BertCls, 64);
        foreach (var (row, index) in Rows("markers").Zip(Enumerable.Range(0, 14)))
        {
            var expected = ids.Skip(index * 32).Take(32).Zip(mask.Skip(index * 32)).Where(item => item.Second == 1).Select(item => (int)item.First).ToArray();
            var found = encoder.Encode(Example(row)).Ids;
            Assert.Equal(expected[^1], found[^1]);
            Assert.Equal(expected[..^1], found[..(expected.Length - 1)]);
        }
    }

    [GoldenFact(Goldens)]
    public void BiGru_rows_have_the_text_and_ids_of_the_reference()
    {
        using var golden = SafetensorsFile.Open(Golden.Locate("relation-models/bigru-att/masked.safetensors"));
        var (ids, mask) = (golden.Read<long>("input_ids"), golden.Read<long>("attention_mask"));
        var encoder = new PairEncoder(Tokenizer(), PairForm.BiGru, 80);
        foreach (var (index, row) in Golden.Json("relation-models/bigru-att/rows.json").GetProperty("rows").EnumerateArray().Index())
        {
            var example = Row(Text(row, "source"), Text(row, "people1"), Text(row, "people2"));
            Assert.Equal(Text(row, "text"), PairText.Masked(example).Text);
            var expected = ids.Skip(index * 40).Take(40).Zip(mask.Skip(index * 40)).Where(item => item.Second == 1).Select(item => (int)item.First).ToArray();
            Assert.Equal(expected[..^1], encoder.Encode(example).Ids[..(expected.Length - 1)]);
        }
    }

    [Theory]
    [GoldenInlineData("data/people-relation", "train")]
    [GoldenInlineData("data/people-relation", "test")]
    public void Both_text_forms_of_all_published_rows_are_those_of_the_reference(string part)
    {
        var rows = DatasetReader.Read(Golden.TrySharedPath($"data/people-relation/{part}.csv")!, new DatasetReadOptions()).Relations;
        var expected = Golden.Json("relation-models/text-forms.json").GetProperty(part);

        Assert.Equal(expected.GetProperty("rbert").GetProperty("sha256").GetString(), Hash(rows.Select(row => PairText.Marked(row).Text)));
        Assert.Equal(expected.GetProperty("bigru").GetProperty("sha256").GetString(), Hash(rows.Select(row => PairText.Masked(row).Text)));
    }

    [Fact]
    public void Mentions_that_cross_are_marked_all_the_same()
    {
        var text = PairText.Marked(Row("张三丰三来了", "张三丰", "丰三"));

        Assert.Equal("$张三#丰$三#来了", text.Text);
        Assert.Equal("$张三#丰$", text.First.Of(text.Text));
        Assert.Equal("#丰$三#", text.Second.Of(text.Text));
    }

    private static string Hash(IEnumerable<string> lines) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")))));

    private static ITokenizer Tokenizer() => TokenizerLoader.Load(Golden.Locate("relation-models/encoder"));

    private static JsonElement[] Rows(string name) => [.. Golden.Json($"relation-models/rbert/{name}.json").GetProperty("rows").EnumerateArray()];

    private static string Text(JsonElement row, string key) => row.GetProperty(key).GetString()!;

    private static int[] Ids(JsonElement row) => [.. row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    private static (int, int) Span(JsonElement row, string entity)
    {
        var span = row.GetProperty("token_spans").GetProperty(entity).GetProperty("with_markers");
        return (span[0].GetInt32(), span[1].GetInt32());
    }

    private static RelationExample Row(string text, string person1, string person2) =>
        new(text, person1, person2, null, null, null, new SourcePlace("test", 1, 1));

    private static RelationExample Example(JsonElement row)
    {
        var text = Text(row, "text");
        var (first, second) = (Units("e1"), Units("e2"));
        return new RelationExample(text, first.Of(text), second.Of(text), first, second, Text(row, "label"), new SourcePlace("test", 1, 1));

        TextSpan Units(string entity)
        {
            var span = row.GetProperty("utf16").GetProperty(entity);
            return new TextSpan(span[0].GetInt32(), span[1].GetInt32());
        }
    }
}
