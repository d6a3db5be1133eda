using System.Text;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Training;

/// <summary>Text for pretraining: paragraphs encoded, each closed by the end token, laid end to end and cut into rows of one length.</summary>
public static class PackedText
{
    /// <summary>Reads text to be gone on with.</summary>
    /// <param name="path">A UTF-8 text file, or a folder whose .txt files are read in the order of their names.</param>
    /// <param name="tokenizer">The tokenizer; it must have an end token.</param>
    /// <param name="length">Tokens of a row.</param>
    /// <returns>The rows; the last may be shorter.</returns>
    /// <exception cref="OptionsException">There is no text, or the tokenizer has no end token.</exception>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public static IReadOnlyList<TokenSequence> Read(string path, ITokenizer tokenizer, int length)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var end = tokenizer.EosId ?? throw new OptionsException(new Problem(path, "the tokenizer has no end token to close a text with"));
        return [.. Tokens(path, tokenizer, end).Chunk(length).Where(chunk => chunk.Length > 1).Select(TokenSequence.Unmasked)];
    }

    /// <summary>Reads text whose tokens are to be hidden, each row between the tokens that begin and end one.</summary>
    /// <param name="path">A UTF-8 text file, or a folder whose .txt files are read in the order of their names.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="special">Its control tokens.</param>
    /// <param name="length">Tokens of a row, at least 3.</param>
    /// <returns>The rows; the last may be shorter.</returns>
    /// <exception cref="OptionsException">There is no text.</exception>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public static IReadOnlyList<int[]> Read(string path, ITokenizer tokenizer, MaskingTokens special, int length)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(special);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 3);
        return [.. Tokens(path, tokenizer, special.End).Chunk(length - 2).Select(chunk => (int[])[special.Start, .. Inner(chunk, special), special.End])];
    }

    private static IEnumerable<int> Inner(int[] chunk, MaskingTokens special) => chunk[^1] == special.End ? chunk.SkipLast(1) : chunk;

    private static List<int> Tokens(string path, ITokenizer tokenizer, int end)
    {
        var files = FileErrors.Wrapped<string[]>(path, "the folder cannot be read", () => Directory.Exists(path)
            ? [.. Directory.EnumerateFiles(path, "*.txt").Order(StringComparer.Ordinal)]
            : [path]);
        var tokens = new List<int>();
        foreach (var file in files)
        {
            FileErrors.Wrapped(file, "the text cannot be read", () => Append(file));
        }

        int Append(string file)
        {
            foreach (var line in File.ReadLines(file, Encoding.UTF8).Where(line => !string.IsNullOrWhiteSpace(line)))
            {
                tokens.AddRange(tokenizer.Encode(line.Trim()));
                tokens.Add(end);
            }

            return tokens.Count;
        }

        return tokens.Count >= 2
            ? tokens
            : throw new OptionsException(new Problem(path, "there is no text to learn from", "UTF-8 text, a paragraph a line", $"{files.Length} files"));
    }
}
