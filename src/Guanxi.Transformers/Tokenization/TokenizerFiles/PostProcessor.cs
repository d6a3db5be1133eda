using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>What a tokenizer.json file says is done with ids at the end.</summary>
/// <param name="Frame">The ids around a text.</param>
/// <param name="TrimsOffsets">Whether places leave out spaces.</param>
internal sealed record PostProcessor(TokenFrame Frame, bool TrimsOffsets)
{
    private const string Supported = "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or a Sequence of them";

    /// <summary>Reads the post-processor of a file whose vocabulary was read.</summary>
    public static PostProcessor Read(TokenizerJson file)
    {
        var result = new PostProcessor(TokenFrame.None, TrimsOffsets: false);
        foreach (var part in file.Part("post_processor")?.Flatten("processors") ?? [])
        {
            switch (part.Type)
            {
                case "TemplateProcessing":
                    result = result with { Frame = Template(part) };
                    break;
                case "BertProcessing" or "RobertaProcessing":
                    var frame = new TokenFrame(Pair(part, "cls"), Pair(part, "sep"));
                    result = new PostProcessor(frame, result.TrimsOffsets || (part.Type[0] == 'R' && part.Keys.Flag("trim_offsets", true)));
                    break;
                case "ByteLevel":
                    result = result with { TrimsOffsets = result.TrimsOffsets || part.Keys.Flag("trim_offsets", true) };
                    break;
                default:
                    part.Refuse(Supported);
                    break;
            }
        }

        foreach (var id in result.Frame.Prefix.Concat(result.Frame.Suffix))
        {
            if ((uint)id >= (uint)file.Vocabulary.Tokens.Count || file.Vocabulary.Tokens[id] is null)
            {
                file.Problems.Add(new Problem($"{file.Path}, post_processor", "an id is not in the vocabulary", Found: $"{id}"));
            }
        }

        return result;
    }

    private static int[] Pair(PipelinePart part, string key)
    {
        if (part.Keys.TryFind(key, out var value) && value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2
            && value[1].ValueKind == JsonValueKind.Number && value[1].TryGetInt32(out var id))
        {
            return [id];
        }

        part.Refuse(key, "[\"token\", id]");
        return [];
    }

    private static TokenFrame Template(PipelinePart part)
    {
        var (before, after, seen) = (new List<int>(), new List<int>(), 0);
        if (!part.Keys.TryFind("single", out var single) || single.ValueKind != JsonValueKind.Array)
        {
            part.Refuse("single", "a list of pieces");
            return TokenFrame.None;
        }

        foreach (var piece in single.EnumerateArray())
        {
            if (piece.ValueKind == JsonValueKind.Object && piece.TryGetProperty("Sequence", out _))
            {
                seen++;
            }
            else if (piece.ValueKind == JsonValueKind.Object && piece.TryGetProperty("SpecialToken", out var token))
            {
                (seen == 0 ? before : after).AddRange(Special(part, token));
            }
            else
            {
                part.Report("a piece of the template is neither a text nor a token", found: JsonKeys.Show(piece));
            }
        }

        if (seen != 1)
        {
            part.Report("the template of one text must hold it once", "1", $"{seen}");
        }

        return new TokenFrame([.. before], [.. after]);
    }

    private static int[] Special(PipelinePart part, JsonElement token)
    {
        var name = token.ValueKind == JsonValueKind.Object && token.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String
            ? id.GetString()!
            : string.Empty;
        if (part.Keys.TryFind("special_tokens", out var all) && all.ValueKind == JsonValueKind.Object
            && all.TryGetProperty(name, out var entry) && entry.ValueKind == JsonValueKind.Object
            && entry.TryGetProperty("ids", out var ids) && ids.ValueKind == JsonValueKind.Array
            && ids.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _)))
        {
            return [.. ids.EnumerateArray().Select(item => item.GetInt32())];
        }

        part.Report("a token of the template has no ids in special_tokens", found: $"'{name}'");
        return [];
    }
}
