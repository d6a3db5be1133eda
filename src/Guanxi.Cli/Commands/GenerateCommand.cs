using System.CommandLine;
using System.Globalization;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Cli.Commands;

/// <summary><c>generate</c>: continues a prompt.</summary>
internal static class GenerateCommand
{
    private const string Summary = "Continues a prompt.";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("generate", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("generate", Summary)
        {
            Examples =
            [
                $"./guanxi generate --model {SampleCalls.Base} --prompt 曹操是曹植的 --max_new_tokens 20",
                $"./guanxi generate --model {SampleCalls.Base} --prompt_ids \"1 523 77\" --temperature 0.8 --top_p 0.9 --seed 7",
            ],
        };
        var model = new ModelOptions(command);
        var prompt = OptionKinds.Text("--prompt", "TEXT", "What to continue; what the tokenizer puts before a text is added.");
        var promptIds = OptionKinds.Text("--prompt_ids", "IDS", "The same as token ids, e.g. \"1 2 3\"; nothing is added and no tokenizer is needed.");
        var sampling = new SamplingOptions(command);
        var json = JsonOutput.Option();
        foreach (var option in (Option[])[prompt, promptIds, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var output = JsonOutput.Of(parsed.GetValue(json));
            ModelOptions.Require(parsed, model.Model);
            var options = sampling.Read(parsed);
            var (text, ids) = PromptOf(parsed.GetValue(prompt), parsed.GetValue(promptIds));
            using var loaded = model.Load(parsed, status.Say);
            return Generate(loaded, ids ?? Encode(loaded.RequireTokenizer(), text!), options, output);
        });
        return command;
    }

    private static (string? Text, int[]? Ids) PromptOf(string? text, string? ids)
    {
        if (text is null == ids is null)
        {
            throw new OptionsException(new Problem("--prompt", "one prompt is needed", "either --prompt or --prompt_ids", text is null ? "neither" : "both"));
        }

        return (text, ids?.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries).Select(IdOf).ToArray());
    }

    private static int IdOf(string word) => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        ? id
        : throw new OptionsException(new Problem("--prompt_ids", "not a token id", "numbers with spaces between, e.g. \"1 2 3\"", $"'{word}'"));

    /// <summary>The prompt with what begins a text, but not with what would end it.</summary>
    private static int[] Encode(ITokenizer tokenizer, string text)
    {
        var ids = tokenizer.Tokenize(text, new TokenizeOptions(ParseSpecial: false, AddSpecial: true)).Ids;
        return ids.Length > 1 && ids[^1] == tokenizer.EosId ? ids[..^1] : ids;
    }

    private static int Generate(LanguageModel model, int[] prompt, GenerationOptions options, JsonOutput output)
    {
        using var stop = new StopSignals(() => { });
        var generator = new Generator(model.Decoder, model.Evaluation);
        var stream = model.Tokenizer is null || output.IsToStandardOutput ? null : new StreamedText(model.Tokenizer);
        Action<int>? show = stream is null ? null : id => Show(stream.Add(id));
        var result = generator.Generate(prompt, options with { StopIds = StopTokens.Of(model) }, show, stop.Token);
        if (!output.IsToStandardOutput)
        {
            Console.Out.WriteLine(stream?.Finish() ?? string.Join(' ', result.Ids));
        }

        output.Write(new JsonLineWriter().StartObject()
            .Name("ids").List(result.Ids)
            .Name("text").Value(TextOf(model.Tokenizer, result.Ids))
            .EndObject().ToString());
        return ExitCode.Done;
    }

    /// <summary>Shows text as it comes, for a reader who waits for it.</summary>
    private static void Show(string text)
    {
        if (text.Length > 0)
        {
            Console.Out.Write(text);
            Console.Out.Flush();
        }
    }

    /// <summary>The text of ids; null without a tokenizer. A model may have more ids than its tokenizer: they have no text.</summary>
    private static string? TextOf(ITokenizer? tokenizer, IReadOnlyList<int> ids) =>
        tokenizer?.Decode([.. ids.Where(id => id < tokenizer.VocabularySize)]);
}
