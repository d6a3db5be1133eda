namespace Guanxi.Relations;

/// <summary>Where a row came from.</summary>
/// <param name="File">File name as the caller gave it, or a word such as <c>stdin</c>.</param>
/// <param name="Line">Line of the file, from 1.</param>
/// <param name="Row">Row of the data, from 1; the header and blank lines do not count.</param>
public readonly record struct SourcePlace(string File, int Line, int Row)
{
    /// <summary>The place as compilers write it.</summary>
    /// <returns>File and line, joined by a colon.</returns>
    public override string ToString() => $"{File}:{Line}";
}
