using Guanxi.Transformers;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations;

/// <summary>
/// Makes the token sequence of questions and answers, the same for training and for prediction:
/// <c>&lt;s&gt;</c> question <c>&lt;/s&gt;</c> answer <c>&lt;/s&gt;</c>.
/// </summary>
/// <remarks>
/// Firefly's format for base models. Every text is encoded on its own and ids are joined: a joined text would be cut into other tokens,
/// and a text that spells <c>&lt;/s&gt;</c> must not end the sequence.
/// </remarks>
public sealed class InstructionEncoder
{
    /// <summary>Name of the format in an artefact.</summary>
    public const string Format = "bos-eos";

    private readonly ITokenizer _tokenizer;
    private readonly int[] _start;

    /// <summary>Makes an encoder.</summary>
    /// <param name="tokenizer">The model's tokenizer. Without a token that begins a sequence, none is put there.</param>
    /// <exception cref="OptionsException">It has no token that ends a sequence.</exception>
    public InstructionEncoder(ITokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _start = tokenizer.BosId is { } bos ? [bos] : [];
        StopId = tokenizer.EosId ?? throw new OptionsException(new Problem(
            "tokenizer", "it has no token that ends a sequence, so an answer could never end", "eos_token in tokenizer_config.json"));
    }

    /// <summary>Id that ends a question and an answer.</summary>
    public int StopId { get; }

    /// <summary>Encodes what comes before an answer.</summary>
    /// <param name="human">The question.</param>
    /// <returns>Start token, question, stop token.</returns>
    public int[] EncodePrompt(string human) => [.. _start, .. Ended(human)];

    /// <summary>Encodes an answer as it follows a prompt.</summary>
    /// <param name="assistant">The answer.</param>
    /// <returns>Answer, stop token.</returns>
    public int[] EncodeAnswer(string assistant) => Ended(assistant);

    /// <summary>Encodes a question with its answer for training.</summary>
    /// <param name="human">The question.</param>
    /// <param name="assistant">The answer.</param>
    /// <param name="maxLength">Most tokens; what is beyond is cut off, be it the answer.</param>
    /// <returns>The row; only the answer and its stop token are learnt.</returns>
    public TokenSequence EncodeRow(string human, string assistant, int maxLength) =>
        Encode(null, [new InstructionTurn(human, assistant)], maxLength);

    /// <summary>Encodes a conversation for training.</summary>
    /// <param name="example">Its turns; a system message goes before the first question, without a token between.</param>
    /// <param name="maxLength">Most tokens; what is beyond is cut off.</param>
    /// <returns>The row; every answer with its stop token is learnt, those of earlier turns too, as Firefly does.</returns>
    public TokenSequence EncodeRow(InstructionExample example, int maxLength) =>
        Encode(example.System, [.. example.Earlier, new InstructionTurn(example.Human, example.Assistant)], maxLength);

    private TokenSequence Encode(string? system, IEnumerable<InstructionTurn> turns, int maxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 1);
        List<int> ids = [.. _start, .. system is null ? [] : _tokenizer.Encode(system)];
        List<int> labels = [.. Masked(ids.Count)];
        foreach (var turn in turns)
        {
            var (question, answer) = (Ended(turn.Human), Ended(turn.Assistant));
            ids.AddRange([.. question, .. answer]);
            labels.AddRange([.. Masked(question.Length), .. answer]);
        }

        var length = Math.Min(ids.Count, maxLength);
        return new TokenSequence([.. ids[..length]], [.. labels[..length]]);
    }

    private static IEnumerable<int> Masked(int count) => Enumerable.Repeat(TokenSequence.Ignored, count);

    private int[] Ended(string text) => [.. _tokenizer.Encode(text), StopId];
}
