namespace Guanxi.Transformers;

/// <summary>A model, tokenizer or checkpoint file is missing, damaged or of a kind that is not supported.</summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Makes an exception of one or more problems; each names the file.</summary>
    /// <param name="problems">Every problem found; at least one.</param>
    /// <param name="inner">What the operating system or a parser said; null when we found it ourselves.</param>
    public CheckpointException(IReadOnlyList<Problem> problems, Exception? inner = null)
        : base(string.Join('\n', problems), inner) => Problems = problems;

    /// <summary>Makes an exception of one problem, which names the file.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="inner">What the operating system or a parser said; null when we found it ourselves.</param>
    public CheckpointException(Problem problem, Exception? inner = null)
        : this([problem], inner)
    {
    }

    /// <summary>Every problem found.</summary>
    public IReadOnlyList<Problem> Problems { get; }

    /// <summary>Whether a result could not be written, so that no input is to blame.</summary>
    /// <value>False.</value>
    public bool IsWriting { get; init; }
}
