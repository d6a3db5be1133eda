namespace Guanxi.Cli;

/// <summary>Shows how many rows are done.</summary>
/// <param name="status">Where.</param>
/// <param name="all">Rows in all.</param>
internal sealed class RowProgress(StatusLine status, int all) : IProgress<int>
{
    /// <inheritdoc/>
    public void Report(int value) => status.ShowRows(value, all);
}
