using System.Text.Json.Nodes;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.SentencePieces;
using Guanxi.Transformers.Tokenization.TokenizerFiles;

namespace Guanxi.Transformers.Tokenization;

/// <summary>Writes a tokenizer in the files of a Hugging Face folder: one that came from a GGUF file has none to be copied.</summary>
internal static class TokenizerWriter
{
    /// <summary>Writes the files.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="chatTemplate">Its template of a conversation, or null.</param>
    /// <param name="folder">An existing folder.</param>
    /// <returns>Whether there is a form for it; else nothing was written.</returns>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public static bool Write(ITokenizer tokenizer, string? chatTemplate, string folder)
    {
        switch (tokenizer)
        {
            case SentencePieceTokenizer pieces:
                AtomicFile.Write(
                    Path.Combine(folder, TokenizerLoader.SentencePieceName), stream => stream.Write(SentencePieceWriter.Write(pieces.Model)));
                WriteConfig(tokenizer, "LlamaTokenizer", pieces.FrameIds.AddBos, pieces.FrameIds.AddEos, chatTemplate, folder);
                return true;
            case ByteLevelTokenizer bytes when ByteLevelWriter.Write(bytes.Model) is { } json:
                AtomicFile.WriteText(Path.Combine(folder, TokenizerJson.FileName), PythonJson.WriteAsIs(json) + "\n");
                var frame = bytes.Model.Frame;
                WriteConfig(tokenizer, "PreTrainedTokenizerFast", frame.Prefix.Length > 0, frame.Suffix.Length > 0, chatTemplate, folder);
                return true;
            default:
                return false;
        }
    }

    private static void WriteConfig(ITokenizer tokenizer, string name, bool addsBos, bool addsEos, string? chatTemplate, string folder)
    {
        var keys = new Dictionary<string, JsonNode?>
        {
            ["tokenizer_class"] = name,
            ["add_bos_token"] = addsBos,
            ["add_eos_token"] = addsEos,
            ["clean_up_tokenization_spaces"] = false,
        };
        foreach (var (key, id) in new[] { ("bos_token", tokenizer.BosId), ("eos_token", tokenizer.EosId), ("pad_token", tokenizer.PadId) })
        {
            if (id is { } token)
            {
                keys.Add(key, tokenizer.IdToToken(token));
            }
        }

        if (chatTemplate is not null)
        {
            keys.Add("chat_template", chatTemplate);
        }

        AtomicFile.WriteText(Path.Combine(folder, TokenizerConfig.FileName), PythonJson.Write(keys) + "\n");
    }
}
