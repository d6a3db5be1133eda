using System.CommandLine;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Cli.Commands;

/// <summary><c>tokenize</c>: text to token ids, with the place of every token. Loads nothing but the tokenizer.</summary>
internal static class TokenizeCommand
{
    private const string Summary = "Turns text into token ids, with the place of each token in it.";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("tokenize", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("tokenize", Summary)
        {
            Examples =
            [
                $"./guanxi tokenize --model {SampleCalls.Base} --text 曹操是曹植的父亲",
                $"echo '{{\"text\": \"曹操是曹植的父亲\"}}' | ./guanxi tokenize --model {SampleCalls.Base}",
            ],
        };
        var model = ModelOptions.ModelOption();
        var baseModel = ModelOptions.BaseOption();
        var data = OptionKinds.Text("--data", "FILE|-", "Rows {\"text\"}, one JSON object a line (default: standard input).");
        var text = OptionKinds.Text("--text", "TEXT", "One text instead of rows.");
        var special = OptionKinds.Flag("--special", "Whether strings such as </s> in the text become their ids (default: false).");
        var addSpecial = OptionKinds.Flag("--add_special", "Whether to add what the tokenizer adds, [CLS] or <s> (default: false).");
        var json = JsonOutput.Option();
        foreach (var option in (Option[])[model, baseModel, data, text, special, addSpecial, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var output = new RowOutput(JsonOutput.Of(parsed.GetValue(json)));
            var tokenizer = ModelFolder.LoadTokenizer(ModelOptions.Require(parsed, model), parsed.GetValue(baseModel));
            var options = new TokenizeOptions(parsed.GetValue(special), parsed.GetValue(addSpecial));
            var single = parsed.GetValue(text);
            foreach (var row in single is not null ? [single] : Texts(parsed.GetValue(data) ?? "-"))
            {
                output.Write(Row(row, tokenizer, options));
            }

            output.Finish(single is not null);
            return ExitCode.Done;
        });
        return command;
    }

    private static IEnumerable<string> Texts(string source) => InputRows.Read(source, row =>
    {
        var text = row.Text(RelationInput.TextField);
        if (text is null && row.Problems.Count == 0)
        {
            row.Fault(DataRules.Json, RelationInput.TextField, "the row has no text", "{\"text\": \"...\"}");
        }

        return text is null ? null : new TextRow(text, row.Place);
    }).Select(row => row.Text);

    private static string Row(string text, ITokenizer tokenizer, TokenizeOptions options)
    {
        var (ids, offsets) = tokenizer.Tokenize(text, options);
        var json = new JsonLineWriter().StartObject();
        json.Name("ids").List(ids);
        json.Name("tokens").List(ids.Select(tokenizer.IdToToken));
        WriteOffsets(json.Name("offsets"), offsets);
        var points = CodePointsBefore(text);
        WriteOffsets(json.Name("offsets_codepoints"), offsets.Select(offset => (points[offset.Start], points[offset.End])));
        return json.EndObject().ToString();
    }

    private static void WriteOffsets(JsonLineWriter json, IEnumerable<(int Start, int End)> offsets) =>
        json.List(offsets, offset => json.StartArray().Value(offset.Start).Value(offset.End).EndArray());

    /// <summary>For every UTF-16 unit, and the end, how many code points begin before it.</summary>
    private static int[] CodePointsBefore(string text)
    {
        var before = new int[text.Length + 1];
        for (var at = 0; at < text.Length; at++)
        {
            var isSecondHalf = at > 0 && char.IsLowSurrogate(text[at]) && char.IsHighSurrogate(text[at - 1]);
            before[at + 1] = before[at] + (isSecondHalf ? 0 : 1);
        }

        return before;
    }

    private sealed record TextRow(string Text, SourcePlace Place) : IExample;
}
