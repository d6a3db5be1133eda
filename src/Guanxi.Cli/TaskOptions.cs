using System.CommandLine;
using Guanxi.Relations;
using Guanxi.Relations.Prompts;

namespace Guanxi.Cli;

/// <summary>Options for a model whose folder does not say what it was trained for: labels and question.</summary>
internal sealed class TaskOptions
{
    private readonly Option<string?> _labels =
        OptionKinds.Text("--labels_file", "FILE", "Labels, one a line, aliases after = (default: those of the model's folder).");

    private readonly Option<string?> _prompt =
        OptionKinds.Text("--prompt_template", "TEXT|FILE", "The question with {text}, {people1}, {people2} (default: that of the model's folder).");

    /// <summary>Adds the options to a command.</summary>
    public TaskOptions(Command command)
    {
        command.Add(_labels);
        command.Add(_prompt);
    }

    /// <summary>The labels that were named, or null.</summary>
    public RelationSchema? Labels(ParseResult parsed) => parsed.GetValue(_labels) is { } file ? LabelsFile.Read(file) : null;

    /// <summary>The question that was named, or null.</summary>
    public string? Prompt(ParseResult parsed) => parsed.GetValue(_prompt) is { } prompt ? PromptTemplate.ReadText(prompt) : null;
}
