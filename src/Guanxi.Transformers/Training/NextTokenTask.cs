using Guanxi.Torch;
using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Training;

/// <summary>Guessing every next token that a row's labels ask for: answers to prompts, or whole texts.</summary>
public sealed class NextTokenTask : ITrainingTask
{
    private readonly Decoder _model;
    private readonly IReadOnlyList<TokenSequence> _rows;
    private readonly NextTokenForm _form;

    /// <summary>Prepares rows to learn from.</summary>
    /// <param name="model">The model; its checkpointing is set as the options say.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="options">Form of loss and batches, and checkpointing.</param>
    /// <exception cref="OptionsException">No row has anything to learn.</exception>
    public NextTokenTask(Decoder model, IReadOnlyList<TokenSequence> rows, TrainingOptions options)
        : this(model, rows, options?.NextToken ?? throw new ArgumentNullException(nameof(options)))
    {
        if (rows.All(row => row.SupervisedCount == 0))
        {
            throw new OptionsException(new Problem("training set", "no row has a token to learn", Hint: "Are the answers cut off by max_seq_length, or all labels -100?"));
        }

        model.UseCheckpointing = options.GradientCheckpointing;
    }

    private NextTokenTask(Decoder model, IReadOnlyList<TokenSequence> rows, NextTokenForm form)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        (_model, _rows, _form) = (model, rows, form);
    }

    /// <inheritdoc/>
    public int RowCount => _rows.Count;

    /// <summary>Rows that are only measured: their loss is the plain one.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rows">The rows; may be none.</param>
    /// <returns>The task.</returns>
    public static NextTokenTask Measuring(Decoder model, IReadOnlyList<TokenSequence> rows) => new(model, rows, new NextTokenForm());

    /// <inheritdoc/>
    public int LengthOf(int row) => _rows[row].Tokens.Length;

    /// <inheritdoc/>
    public ITrainingBatch Batch(IReadOnlyList<int> rows, DropoutKey key)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return new NextTokenBatch(_model, [.. rows.Select(row => _rows[row])], _form);
    }
}
