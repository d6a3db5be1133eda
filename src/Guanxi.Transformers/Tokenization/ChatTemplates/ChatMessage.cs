namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>One message of a conversation.</summary>
/// <param name="Role">Who speaks: <c>system</c>, <c>user</c> or <c>assistant</c>.</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(string Role, string Content);

/// <summary>What a chat template is rendered with, besides the messages.</summary>
public sealed record ChatOptions
{
    /// <summary>Whether the beginning of an answer is put at the end.</summary>
    /// <value>True.</value>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Further variables of the template, e.g. <c>enable_thinking</c>: strings, truth values, whole numbers or null.</summary>
    /// <value>None.</value>
    public IReadOnlyDictionary<string, object?> Variables { get; init; } = new Dictionary<string, object?>();
}
