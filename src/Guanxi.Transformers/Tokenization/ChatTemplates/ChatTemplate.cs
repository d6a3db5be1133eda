using System.Text.Json;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Turns conversations into the text a model was trained on. Immutable and safe to share between threads.</summary>
/// <remarks>
/// A subset of Jinja, rendered as transformers renders it (apply_chat_template). What is not in the subset is refused when the template is
/// read. A rendering has a bound of steps and of text.
/// </remarks>
public sealed class ChatTemplate
{
    private const int MostCharacters = 1 << 20;

    private readonly IReadOnlyList<TemplateStatement> _statements;
    private readonly TemplateErrors _errors;
    private readonly IReadOnlyDictionary<string, string> _tokens;
    private readonly string _where;

    private ChatTemplate(string source, string where, IReadOnlyDictionary<string, string> tokens)
    {
        (Source, _where, _tokens) = (source, where, tokens);
        _errors = new TemplateErrors(where);
        if (source.Length > MostCharacters)
        {
            throw new CheckpointException(
                new Problem(where, "the chat template is too long", $"at most {MostCharacters} characters", $"{source.Length}"));
        }

        _statements = TemplateParser.Read(source, _errors);
    }

    /// <summary>The template itself.</summary>
    public string Source { get; }

    /// <summary>Reads a template.</summary>
    /// <param name="source">Jinja.</param>
    /// <param name="where">File and key, for messages.</param>
    /// <param name="tokens">Spellings of tokens by the names that templates know them by, e.g. <c>bos_token</c>.</param>
    /// <returns>The template.</returns>
    /// <exception cref="CheckpointException">It cannot be read or holds a construct that is not supported; the line is named.</exception>
    public static ChatTemplate Parse(string source, string where, IReadOnlyDictionary<string, string> tokens)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(source, where, tokens);
    }

    /// <summary>A template that many models use, by its name.</summary>
    /// <param name="name">One of <see cref="NamedTemplates.Names"/>.</param>
    /// <returns>The template.</returns>
    /// <exception cref="OptionsException">There is none of that name.</exception>
    public static ChatTemplate Named(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return NamedTemplates.Find(name);
    }

    /// <summary>Reads the template of a model folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>The template, or null when the folder has none.</returns>
    /// <exception cref="CheckpointException">A file cannot be read, or the template is not supported.</exception>
    public static ChatTemplate? Load(string folder) => ChatTemplateFile.Read(folder);

    /// <summary>Renders a conversation.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="options">What else the template sees.</param>
    /// <returns>The text.</returns>
    /// <exception cref="OptionsException">The template refuses the conversation.</exception>
    /// <exception cref="CheckpointException">The template fails, or passes its bounds.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, ChatOptions options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(options);
        return Render(Values(messages, text => text), options);
    }

    /// <summary>Renders a conversation whose messages have more than a role and a content.</summary>
    /// <param name="messages">A JSON list of messages, e.g. with <c>tool_calls</c>.</param>
    /// <param name="options">What else the template sees.</param>
    /// <returns>The text.</returns>
    /// <exception cref="OptionsException">The template refuses the conversation.</exception>
    /// <exception cref="CheckpointException">The template fails, or passes its bounds.</exception>
    public string Render(JsonElement messages, ChatOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Render(TemplateValue.From(messages), options);
    }

    /// <summary>Renders a conversation and encodes it; control tokens come from the template alone, never from a message.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="messages">The messages.</param>
    /// <param name="options">What else the template sees.</param>
    /// <returns>The ids.</returns>
    /// <exception cref="OptionsException">The template refuses the conversation.</exception>
    /// <exception cref="CheckpointException">The template fails, or passes its bounds.</exception>
    public int[] Encode(ITokenizer tokenizer, IReadOnlyList<ChatMessage> messages, ChatOptions options)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(options);
        var encoder = new ChatEncoder(tokenizer, messages);
        return encoder.Encode(Render(Values(messages, encoder.Protect), options));
    }

    private static List<object?> Values(IReadOnlyList<ChatMessage> messages, Func<string, string> text) =>
        [.. messages.Select(message => (object?)new TemplateMap { ["role"] = text(message.Role), ["content"] = text(message.Content) })];

    private string Render(object? messages, ChatOptions options)
    {
        var run = new TemplateRun(_errors);
        var globals = new TemplateScope(run, null);
        globals.Set("raise_exception", (TemplateCallable)((arguments, _, line) => throw new OptionsException(new Problem(
            $"{_where}, line {line}",
            "the chat template refuses the conversation",
            Found: TemplateValue.Text(arguments.At(0, "message"))))));
        globals.Set("namespace", (TemplateCallable)Namespace);
        globals.Set("dict", (TemplateCallable)Map);
        globals.Set("range", (TemplateCallable)Range);
        globals.Set("messages", messages);
        globals.Set("tools", null);
        globals.Set("documents", null);
        globals.Set("add_generation_prompt", options.AddGenerationPrompt);
        foreach (var (name, token) in _tokens)
        {
            globals.Set(name, token);
        }

        foreach (var (name, value) in options.Variables)
        {
            globals.Set(name, value switch
            {
                int number => (long)number,
                JsonElement element => TemplateValue.From(element),
                null or bool or long or double or string => value,
                _ => throw new OptionsException(new Problem(
                    $"chat template variable {name}",
                    "the value has the wrong kind",
                    "a string, a truth value, a number or null",
                    value.GetType().Name)),
            });
        }

        try
        {
            TemplateStatement.ExecuteAll(_statements, new TemplateScope(run, globals));
            return run.Output;
        }
        catch (TemplateBoundException error)
        {
            throw new CheckpointException(new Problem(_where, error.Message), error);
        }
    }

    private static TemplateMap Namespace(ArgumentValues arguments, TemplateRun run, int line) =>
        Filled(new TemplateMap { IsNamespace = true }, arguments);

    private static TemplateMap Map(ArgumentValues arguments, TemplateRun run, int line) => Filled([], arguments);

    private static TemplateMap Filled(TemplateMap map, ArgumentValues arguments)
    {
        foreach (var (name, value) in arguments.Named)
        {
            map[name] = value;
        }

        return map;
    }

    private static List<object?> Range(ArgumentValues arguments, TemplateRun run, int line)
    {
        var numbers = arguments.Positional.OfType<long>().ToArray();
        var (start, stop, step) = numbers switch
        {
            [var only] => (0L, only, 1L),
            [var first, var last] => (first, last, 1L),
            [var first, var last, var by] when by != 0 => (first, last, by),
            _ => (0L, 0L, 1L),
        };
        var items = new List<object?>();
        for (var number = start; step > 0 ? number < stop : number > stop; number += step)
        {
            run.Step(line);
            items.Add(number);
        }

        return items;
    }
}
