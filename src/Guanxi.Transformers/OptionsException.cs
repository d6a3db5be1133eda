namespace Guanxi.Transformers;

/// <summary>The caller's options or input are wrong. It lists every problem found, not only the first.</summary>
public sealed class OptionsException : Exception
{
    /// <summary>Makes an exception of one or more problems.</summary>
    /// <param name="problems">Every problem found; at least one.</param>
    public OptionsException(IReadOnlyList<Problem> problems)
        : base(string.Join('\n', problems)) => Problems = problems;

    /// <summary>Makes an exception of one problem.</summary>
    /// <param name="problem">The problem.</param>
    public OptionsException(Problem problem)
        : this([problem])
    {
    }

    /// <summary>Every problem found.</summary>
    public IReadOnlyList<Problem> Problems { get; }
}
