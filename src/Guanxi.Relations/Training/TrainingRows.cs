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
    private const int MaxProblemsShown = 20;

    /// <summary>Rows to learn from.</summary>
    public required IReadOnlyList<TokenSequence> Train { get; init; }

    /// <summary>Rows to evaluate on during the run; may be empty.</summary>
    public IReadOnlyList<TokenSequence> Evaluation { get; private init; } = [];

    /// <summary>The same rows before they became tokens; empty when they are no relations.</summary>
    public IReadOnlyList<RelationExample> EvaluationExamples { get; private init; } = [];

    /// <summary>Labels; null when the rows are no relations.</summary>
    public RelationSchema? Schema { get; private init; }

    /// <summary>Prompt; null when the rows are no relations.</summary>
    public PromptTemplate? Template { get; private init; }

    /// <summary>Hash over all tokens and labels.</summary>
    public string Fingerprint { get; private set; } = string.Empty;

    /// <summary>Reads and encodes.</summary>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="defaults">Where the prompt comes from when none was given.</param>
    /// <param name="tokenizer">Gives the tokenizer; rows that are ids already need none.</param>
    /// <param name="progress">Told of what is odd.</param>
    /// <exception cref="OptionsException">Rows, labels or prompt are wrong.</exception>
    public static TrainingRows Read(TrainArguments arguments, TrainingDefaults defaults, Func<ITokenizer> tokenizer, ITrainingProgress progress)
    {
        var rows = arguments.TaskType == TaskType.Pretrain
            ? Pretraining(arguments, tokenizer())
            : FineTuning(arguments, defaults, tokenizer, progress);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var row in rows.Train)
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
        var problems = Unfit(Train, "training", config).Concat(Unfit(Evaluation, "evaluation", config)).Take(MaxProblemsShown).ToArray();
        if (problems.Length > 0)
        {
            throw new OptionsException(problems);
        }
    }

    private static IEnumerable<Problem> Unfit(IReadOnlyList<TokenSequence> rows, string set, DecoderConfig config)
    {
        foreach (var (index, row) in rows.Index())
        {
            if (row.Tokens.Length > config.MaxPositions)
            {
                yield return new Problem($"{set} row {index + 1}", "it is longer than the model's positions", $"at most {config.MaxPositions} tokens", $"{row.Tokens.Length}");
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
        Evaluation = arguments.EvalFile is null ? [] : PackedText.Read(arguments.EvalFile, tokenizer, arguments.MaxSeqLength.Value),
    };

    private static TrainingRows FineTuning(
        TrainArguments arguments, TrainingDefaults defaults, Func<ITokenizer> tokenizer, ITrainingProgress progress)
    {
        var schema = arguments.LabelsFile is null ? null : LabelsFile.Read(arguments.LabelsFile);
        var train = DatasetReader.Read(arguments.TrainFile!, new DatasetReadOptions { Schema = schema });
        var eval = arguments.EvalFile is null ? null : DatasetReader.Read(arguments.EvalFile, new DatasetReadOptions { Schema = schema });
        switch (train.Kind)
        {
            case DatasetKind.Relations:
                return Relations(arguments, defaults, tokenizer(), schema, train, eval, progress);
            case DatasetKind.Instructions:
                var encoder = new InstructionEncoder(tokenizer());
                return new TrainingRows
                {
                    Train = Warned([.. train.Instructions.Select(row => encoder.EncodeRow(row, arguments.MaxSeqLength!.Value))], progress),
                    Evaluation = [.. (eval?.Instructions ?? []).Select(row => encoder.EncodeRow(row, arguments.MaxSeqLength!.Value))],
                };
            default:
                return new TrainingRows
                {
                    Train = Warned([.. train.Tokenized.Select(row => new TokenSequence(row.InputIds, row.Labels))], progress),
                    Evaluation = [.. (eval?.Tokenized ?? []).Select(row => new TokenSequence(row.InputIds, row.Labels))],
                };
        }
    }

    private static TrainingRows Relations(
        TrainArguments arguments, TrainingDefaults defaults, ITokenizer tokenizer, RelationSchema? schema, Dataset train, Dataset? eval, ITrainingProgress progress)
    {
        schema ??= RelationSchema.FromData(train.Relations.Select(row => row.Label!), arguments.TrainFile!);
        var text = arguments.PromptTemplate is { } given ? PromptTemplate.ReadText(given) : defaults.PromptTemplate ?? PromptTemplate.Article;
        var template = PromptTemplate.Parse(text, schema.Labels, "prompt_template");
        foreach (var finding in PromptLabelCheck.Check(template, schema, "prompt_template"))
        {
            progress.Note($"warning: {finding.Message}");
        }

        var encoder = new InstructionEncoder(tokenizer);
        var (kept, cut) = (train.Relations, eval?.Relations ?? []);
        if (arguments.GroupSplit > 0)
        {
            var split = GroupSplit.Cut(train.Relations, arguments.GroupSplit, arguments.Seed, SplitGroup.Sentence);
            (kept, cut) = (split.Kept, [.. split.CutOff, .. cut]);
            progress.Note($"{split.CutOff.Count} rows with their sentences are cut off to evaluate on");
        }

        return new TrainingRows
        {
            Train = Warned([.. kept.Select(Encode)], progress),
            Evaluation = [.. cut.Select(Encode)],
            EvaluationExamples = cut,
            Schema = schema,
            Template = template,
        };

        TokenSequence Encode(RelationExample row) =>
            encoder.EncodeRow(template.Render(row), schema.Canonical(row.Label!)!, arguments.MaxSeqLength!.Value);
    }

    private static TokenSequence[] Warned(TokenSequence[] rows, ITrainingProgress progress)
    {
        var lost = rows.Count(row => row.SupervisedCount == 0);
        if (lost > 0)
        {
            progress.Note($"warning: {lost} of {rows.Length} rows have no token left to learn: is max_seq_length too short for the prompt?");
        }

        return rows;
    }
}
