using System.Diagnostics.CodeAnalysis;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Says what is wrong with a template, and on which line.</summary>
/// <param name="where">File and key, for messages.</param>
internal sealed class TemplateErrors(string where)
{
    /// <summary>Refuses what stands on a line.</summary>
    [DoesNotReturn]
    public void Throw(int line, string what, string? expected = null, string? found = null) =>
        throw new CheckpointException(new Problem($"{where}, line {line}", what, expected, found));

    /// <summary>Refuses a construct that Jinja has and we do not.</summary>
    [DoesNotReturn]
    public void Unsupported(int line, string construct) =>
        Throw(line, "this construct of a chat template is not supported", found: construct);
}
