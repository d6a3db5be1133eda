using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Relations.Training;

/// <summary>The relation rows of a run: what is learnt from, and what is evaluated on.</summary>
/// <param name="Schema">The labels.</param>
/// <param name="Train">Rows to learn from.</param>
/// <param name="Sets">Rows to evaluate on; of several sets the first chooses the best checkpoint.</param>
internal sealed record RelationRows(RelationSchema Schema, IReadOnlyList<RelationExample> Train, IReadOnlyList<RelationSet> Sets)
{
    /// <summary>Reads the files that the arguments name.</summary>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="note">Told of what is odd.</param>
    /// <exception cref="OptionsException">Rows or labels are wrong, or the rows are no relations.</exception>
    public static RelationRows Read(TrainArguments arguments, Action<string> note)
    {
        var schema = arguments.LabelsFile is null ? null : LabelsFile.Read(arguments.LabelsFile);
        var train = ReadFile(arguments.TrainFile!, schema);
        schema ??= RelationSchema.FromData(train.Relations.Select(row => row.Label!), arguments.TrainFile!);
        var eval = arguments.EvalFile is null ? null : ReadFile(arguments.EvalFile, schema);
        new TrainingRowChecks(note).Compare([.. train.Relations.Select(LearntRow.Of)], [.. (eval?.Relations ?? []).Select(LearntRow.Of)]);
        return Split(arguments, schema, train, eval, note);
    }

    /// <summary>Cuts rows off to evaluate on, where the arguments ask for it.</summary>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="schema">The labels.</param>
    /// <param name="train">Rows of train_file.</param>
    /// <param name="eval">Rows of eval_file; null without one.</param>
    /// <param name="note">Told of the cut.</param>
    /// <exception cref="OptionsException">The rows cannot be cut so.</exception>
    public static RelationRows Split(TrainArguments arguments, RelationSchema schema, Dataset train, Dataset? eval, Action<string> note)
    {
        var kept = train.Relations;
        var sets = new List<RelationSet>();
        if (arguments.GroupSplit > 0)
        {
            var split = GroupSplit.Cut(kept, arguments.GroupSplit, arguments.Seed, SplitGroup.Sentence);
            (kept, sets) = (split.Kept, [new RelationSet(string.Empty, split.CutOff)]);
            note($"{split.CutOff.Count} rows with their sentences are cut off to evaluate on");
        }

        if (eval is not null)
        {
            sets.Add(new RelationSet(sets.Count == 0 ? string.Empty : RunMetrics.FilePrefix, eval.Relations));
        }

        return new RelationRows(schema, kept, sets);
    }

    private static Dataset ReadFile(string path, RelationSchema? schema)
    {
        var data = DatasetReader.Read(path, new DatasetReadOptions { Schema = schema });
        data.RequireRelations();
        return data;
    }
}

/// <summary>Relation rows to evaluate on.</summary>
/// <param name="Prefix">Before the names of their metrics.</param>
/// <param name="Rows">The rows.</param>
internal sealed record RelationSet(string Prefix, IReadOnlyList<RelationExample> Rows);
