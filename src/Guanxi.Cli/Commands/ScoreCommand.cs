using System.CommandLine;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Commands;

/// <summary><c>score</c>: the probability of given continuations.</summary>
internal static class ScoreCommand
{
    private const string Summary = "Gives the probability of continuations, token by token.";
    private const string Context = "context";
    private const string Continuation = "continuation";
    private const string ContextIds = "context_ids";
    private const string ContinuationIds = "continuation_ids";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("score", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("score", Summary)
        {
            Examples =
            [
                $"echo '{{\"context\": \"曹操是曹植的\", \"continuation\": \"父亲\"}}' | ./guanxi score --model {SampleCalls.Base}",
                $"echo '{{\"context_ids\": [1, 523], \"continuation_ids\": [77, 2]}}' | ./guanxi score --model {SampleCalls.Base}",
            ],
        };
        var model = new ModelOptions(command);
        var data = OptionKinds.Text(
            "--data", "FILE|-", "Rows {\"context\", \"continuation\"} or {\"context_ids\", \"continuation_ids\"} (default: standard input).");
        var json = JsonOutput.Option();
        command.Add(data);
        command.Add(json);
        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var output = new RowOutput(JsonOutput.Of(parsed.GetValue(json)));
            ModelOptions.Require(parsed, model.Model);
            var rows = InputRows.Read(parsed.GetValue(data) ?? "-", Read);
            using var loaded = model.Load(parsed, status.Say);
            Score(rows, loaded, output);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Score(IReadOnlyList<Row> rows, LanguageModel model, RowOutput output)
    {
        var encoded = rows.Select(row => row.Encode(model)).ToArray();
        Problem[] problems = [.. rows.Zip(encoded, (row, ids) => ids.Check(model.Config, $"{row.Place}")).OfType<Problem>()];
        if (problems.Length > 0)
        {
            throw new OptionsException(problems);
        }

        var scores = new SequenceScorer(model.Decoder, model.Evaluation).Score(encoded);
        for (var i = 0; i < rows.Count; i++)
        {
            output.Write(Line(rows[i], encoded[i].Continuation, scores[i], model));
        }

        output.Finish(isSingle: false);
    }

    private static Row? Read(JsonRow row)
    {
        if (row.Root.TryGetProperty(ContextIds, out _) || row.Root.TryGetProperty(ContinuationIds, out _))
        {
            return row.Ints(ContextIds) is { } context && row.Ints(ContinuationIds) is { } continuation
                ? new Row(null, null, new ScoringRow(context, continuation), row.Place)
                : null;
        }

        var (before, after) = (row.Text(Context), row.Text(Continuation));
        if (before is not null && after is not null)
        {
            return new Row(before, after, null, row.Place);
        }

        if (row.Problems.Count == 0)
        {
            row.Fault(DataRules.Json, before is null ? Context : Continuation, "the row is not complete",
                $"{Context} and {Continuation}, or {ContextIds} and {ContinuationIds}");
        }

        return null;
    }

    /// <summary>One answer; the tokens are spelled as the row gave them, as pieces of text or as ids.</summary>
    private static string Line(Row row, int[] continuation, SequenceScore score, LanguageModel model)
    {
        var json = new JsonLineWriter().StartObject()
            .Name("logprob").Value(score.LogProbability)
            .Name("token_logprobs").List(score.TokenLogProbabilities)
            .Name("is_greedy").Value(score.IsGreedy)
            .Name("tokens");
        _ = row.Ids is null ? json.List(continuation.Select(model.RequireTokenizer().IdToToken)) : json.List(continuation);
        return json.EndObject().ToString();
    }

    private sealed record Row(string? Context, string? Continuation, ScoringRow? Ids, SourcePlace Place) : IExample
    {
        /// <summary>Each text is encoded for itself, and nothing is added.</summary>
        public ScoringRow Encode(LanguageModel model) =>
            Ids ?? new ScoringRow(model.RequireTokenizer().Encode(Context!), model.RequireTokenizer().Encode(Continuation!));
    }
}
