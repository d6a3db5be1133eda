using System.Security.Cryptography;
using System.Runtime.InteropServices;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>The rows of a run as tokens, and what the artefact must remember of how they were made.</summary>
internal sealed class TrainingRows
{
    /// <summary>Rows to learn from.</summary>
    public required IReadOnlyList<TokenSequence> Train { get; init; }

    /// <summary>Rows to evaluate on during the run; of several sets the first chooses the best checkpoint.</summary>
    public IReadOnlyList<EvaluationSet> Sets { get; private init; } = [];

    /// <summary>Whether the rows that choose have labels to be scored.</summary>
    public bool HasLabels => Sets is [{ Examples.Count: > 0 }, ..];

    /// <summary>Labels; null when the rows are no relations.</summary>
    public RelationSchema? Schema { get; private init; }

    /// <summary>Prompt; null when the rows are no relations.</summary>
    public PromptTemplate? Template { get; private init; }

    /// <summary>Hash over all tokens and labels, those of evaluations included: they may choose.</summary>
    public string Fingerprint { get; private set; } = string.Empty;

    /// <summary>Reads and encodes.</summary>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="defaults">Where the prompt comes from when none was given.</param>
    /// <param name="tokenizer">Gives the tokenizer; rows that are ids already need none.</param>
    /// <param name="note">Told of what is odd.</param>
    /// <exception cref="OptionsException">Rows, labels or prompt are wrong.</exception>
    public static TrainingRows Read(TrainArguments arguments, TrainingDefaults defaults, Func<ITokenizer> tokenizer, Action<string> note)
    {
        var rows = arguments.TaskType == TaskType.Pretrain
            ? Pretraining(arguments, tokenizer())
            : FineTuning(arguments, defaults, tokenizer, note);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var row in rows.Train.Concat(rows.Sets.SelectMany(set => set.Rows)))
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>(row.Tokens));
            hash.AppendData(MemoryMarshal.AsBytes<int>(row.Labels));
        }

        rows.Fingerprint = Convert.ToHexStringLower(hash.GetCurrentHash());
        return rows;
    }

    /// <summary>Refuses rows that the model cannot read: only those that came as ids can be so.</summary>
    /// <exception cref="OptionsException">Ids are outside the vocabulary, or rows are too long; the first of them are listed.</exception>
    public void Require(DecoderConfig config)
    {
        var problems = Unfit(Train, "training", config)
            .Concat(Sets.SelectMany(set => Unfit(set.Rows, "evaluation", config))).ToArray();
        if (problems.Length > 0)
        {
            throw new OptionsException(Problem.First(problems, "train_file"));
        }
    }

    private static IEnumerable<Problem> Unfit(IReadOnlyList<TokenSequence> rows, string set, DecoderConfig config)
    {
        foreach (var (index, row) in rows.Index())
        {
            if (row.Tokens.Length > config.LongestRow)
            {
                yield return new Problem($"{set} row {index + 1}", "it is longer than the model's positions", $"at most {config.LongestRow} tokens", $"{row.Tokens.Length}");
            }

            if (row.Tokens.Concat(row.Labels).FirstOrDefault(id => id >= config.VocabularySize, -1) is var id and >= 0)
            {
                yield return new Problem($"{set} row {index + 1}", "an id is outside the model's vocabulary", $"0 to {config.VocabularySize - 1}", $"{id}");
            }
        }
    }

    private static TrainingRows Pretraining(TrainArguments arguments, ITokenizer tokenizer) => new()
    {
        Train = PackedText.Read(arguments.TrainFile!, tokenizer, arguments.MaxSeqLength!.Value),
        Sets = arguments.EvalFile is null ? [] : [EvaluationSet.Of(PackedText.Read(arguments.EvalFile, tokenizer, arguments.MaxSeqLength.Value))],
    };

    private static TrainingRows FineTuning(
        TrainArguments arguments, TrainingDefaults defaults, Func<ITokenizer> tokenizer, Action<string> note)
    {
        var schema = arguments.LabelsFile is null ? null : LabelsFile.Read(arguments.LabelsFile);
        var train = DatasetReader.Read(arguments.TrainFile!, new DatasetReadOptions { Schema = schema });
        if (train.Kind == DatasetKind.Relations)
        {
            schema ??= RelationSchema.FromData(train.Relations.Select(row => row.Label!), arguments.TrainFile!);
        }

        var eval = arguments.EvalFile is null ? null : DatasetReader.Read(arguments.EvalFile, new DatasetReadOptions { Schema = schema });
        if (eval is not null && eval.Kind != train.Kind)
        {
            throw new OptionsException(new Problem("eval_file", "its rows are of another kind than those of train_file", $"{train.Kind}", $"{eval.Kind}"));
        }

        if (train.Kind != DatasetKind.Relations && arguments.GroupSplit > 0)
        {
            throw new OptionsException(new Problem(
                "group_split", "only rows of relations can be cut by sentence", "relation rows in train_file, or rows in eval_file", $"{train.Kind}"));
        }

        var checks = new TrainingRowChecks(note);
        switch (train.Kind)
        {
            case DatasetKind.Relations:
                checks.Compare([.. train.Relations.Select(LearntRow.Of)], [.. (eval?.Relations ?? []).Select(LearntRow.Of)]);
                return Relations(arguments, defaults, tokenizer, schema!, train, eval, note);
            case DatasetKind.Instructions:
                checks.Compare([.. train.Instructions.Select(LearntRow.Of)], [.. (eval?.Instructions ?? []).Select(LearntRow.Of)]);
                checks.CompareAnswers(train.Instructions);
                var encoder = new InstructionEncoder(tokenizer());
                return Plain(arguments.MaxSeqLength, train.Instructions, eval?.Instructions, row => encoder.EncodeRow(row, int.MaxValue), checks);
            default:
                checks.Compare([.. train.Tokenized.Select(LearntRow.Of)], [.. (eval?.Tokenized ?? []).Select(LearntRow.Of)]);
                return Plain(null, train.Tokenized, eval?.Tokenized, row => new TokenSequence(row.InputIds, row.Labels), checks);
        }
    }

    /// <summary>Rows that are no relations.</summary>
    private static TrainingRows Plain<TRow>(
        int? length, IReadOnlyList<TRow> train, IReadOnlyList<TRow>? eval, Func<TRow, TokenSequence> encode, TrainingRowChecks checks)
        where TRow : IExample => new()
        {
            Train = checks.Cut([.. train.Select(encode)], [.. train.Select(row => row.Place)], length),
            Sets = eval is null ? [] : [EvaluationSet.Of([.. eval.Select(row => encode(row).CutTo(length ?? int.MaxValue))])],
        };

    private static TrainingRows Relations(
        TrainArguments arguments,
        TrainingDefaults defaults,
        Func<ITokenizer> tokenizer,
        RelationSchema schema,
        Dataset train,
        Dataset? eval,
        Action<string> note)
    {
        var given = arguments.PromptTemplate is { } prompt ? PromptTemplate.ReadText(prompt) : defaults.PromptTemplate;
        var text = given ?? PromptTemplate.Usual(schema.Labels);
        if (given is null && text != PromptTemplate.Article)
        {
            note($"no prompt_template is given: the question is {text}");
        }

        var template = PromptTemplate.Parse(text, schema.Labels, "prompt_template");
        var checks = new TrainingRowChecks(note);
        checks.ComparePrompt(template, schema, train.Relations);
        var rows = RelationRows.Split(arguments, schema, train, eval, note);
        var encoder = new InstructionEncoder(tokenizer());
        return new TrainingRows
        {
            Train = checks.Cut([.. rows.Train.Select(Encode)], [.. rows.Train.Select(row => row.Place)], arguments.MaxSeqLength),
            Sets = [.. rows.Sets.Select(set => new EvaluationSet(set.Prefix, [.. set.Rows.Select(row => Encode(row).CutTo(arguments.MaxSeqLength!.Value))], set.Rows))],
            Schema = schema,
            Template = template,
        };

        TokenSequence Encode(RelationExample row) => encoder.EncodeRow(template.Render(row), schema.Canonical(row.Label!)!, int.MaxValue);
    }
}

/// <summary>Rows to evaluate on during a run.</summary>
/// <param name="Prefix">Before the names of their metrics.</param>
/// <param name="Rows">The rows as tokens.</param>
/// <param name="Examples">The same rows before they became tokens; empty when they are no relations.</param>
internal sealed record EvaluationSet(string Prefix, IReadOnlyList<TokenSequence> Rows, IReadOnlyList<RelationExample> Examples)
{
    /// <summary>Rows that are no relations.</summary>
    public static EvaluationSet Of(IReadOnlyList<TokenSequence> rows) => new(string.Empty, rows, []);
}
