namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Templates of models whose files hold none.</summary>
public static class NamedTemplates
{
    private const string ChatMl =
        "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    // A conversation that begins without a system message gets the model's own.
    private const string Qwen =
        "{% if not messages or messages[0].role != 'system' %}"
        + "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}" + ChatMl;

    private const string Llama3 =
        "{{ bos_token }}{% for message in messages %}"
        + "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

    // Users and assistants must take turns; a system message goes into the first user's.
    private const string Turns =
        "{% set system = messages[0].content if messages and messages[0].role == 'system' else none %}"
        + "{% for message in (messages[1:] if system is not none else messages) %}"
        + "{% if (message.role == 'user') != (loop.index0 % 2 == 0) or message.role not in ['user', 'assistant'] %}"
        + "{{ raise_exception('roles must be user, assistant, user, ... after an optional system message') }}{% endif %}";

    private const string Llama2 = Turns
        + "{% if message.role == 'user' %}"
        + "{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message.content "
        + "if loop.first and system is not none else message.content %}"
        + "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
        + "{% else %}{{ ' ' + message.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";

    private const string Mistral = "{{ bos_token }}" + Turns
        + "{% if message.role == 'user' %}"
        + "{% set content = system + '\\n\\n' + message.content if loop.first and system is not none else message.content %}"
        + "{{ '[INST] ' + content + ' [/INST]' }}{% else %}{{ ' ' + message.content + eos_token }}{% endif %}{% endfor %}";

    private static readonly Dictionary<string, string> s_sources = new(StringComparer.OrdinalIgnoreCase)
    {
        ["chatml"] = ChatMl,
        ["minimind"] = ChatMl,
        ["qwen"] = Qwen,
        ["llama-2"] = Llama2,
        ["llama-3"] = Llama3,
        ["mistral"] = Mistral,
        ["baichuan"] = Reserved(user: 102, assistant: 103),
        ["baichuan2"] = Reserved(user: 106, assistant: 107),
    };

    /// <summary>All names, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_sources.Keys.Order(StringComparer.Ordinal)];

    internal static ChatTemplate Find(string name) => s_sources.TryGetValue(name, out var source)
        ? ChatTemplate.Parse(source, $"chat template {name}", Tokens(name))
        : throw new OptionsException(
            new Problem("chat_template", "there is no chat template of this name", string.Join(", ", Names), $"'{name}'"));

    private static Dictionary<string, string> Tokens(string name) => name.Equals("llama-3", StringComparison.OrdinalIgnoreCase)
        ? new() { ["bos_token"] = "<|begin_of_text|>", ["eos_token"] = "<|eot_id|>" }
        : new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };

    // Baichuan's chat models mark who speaks by reserved pieces of the vocabulary.
    private static string Reserved(int user, int assistant) =>
        "{% for message in messages %}{% if message.role == 'user' %}{{ '<reserved_" + user + ">' + message.content }}"
        + "{% elif message.role == 'assistant' %}{{ '<reserved_" + assistant + ">' + message.content }}"
        + "{% else %}{{ message.content }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}<reserved_" + assistant + ">{% endif %}";
}
