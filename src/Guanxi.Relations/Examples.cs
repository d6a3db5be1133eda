using Guanxi.Transformers;

namespace Guanxi.Relations;

/// <summary>A row of a data set, of whatever kind.</summary>
public interface IExample
{
    /// <summary>Where the row came from.</summary>
    SourcePlace Place { get; }
}

/// <summary>A sentence, two people in it, and the relation between them where it is known.</summary>
/// <param name="Text">The sentence without markers, untrimmed.</param>
/// <param name="Person1">Name of the first person, as the text spells it.</param>
/// <param name="Person2">Name of the second person, as the text spells it.</param>
/// <param name="Span1">The mention of the first person that is meant; null when only the name is known.</param>
/// <param name="Span2">The mention of the second person that is meant; null when only the name is known.</param>
/// <param name="Label">The relation; null when it is to be predicted.</param>
/// <param name="Place">Where the row came from.</param>
public sealed record RelationExample(
    string Text,
    string Person1,
    string Person2,
    TextSpan? Span1,
    TextSpan? Span2,
    string? Label,
    SourcePlace Place) : IExample
{
    private const string Caller = "row";

    /// <summary>A row to be classified.</summary>
    /// <param name="text">The sentence.</param>
    /// <param name="person1">Name of the first person, as the sentence spells it.</param>
    /// <param name="person2">Name of the second person.</param>
    /// <returns>The row; where a name stands several times, its first mention that is no part of the other name is meant.</returns>
    /// <exception cref="OptionsException">The sentence is empty, or a name does not occur in it; all faults are told.</exception>
    public static RelationExample Of(string text, string person1, string person2)
    {
        var faults = new List<InputFault>();
        return new RelationInput(text, person1, person2).Build(new SourcePlace(Caller, 1, 1), requireLabel: false, null, faults)
            ?? throw new OptionsException([.. faults.Select(fault => fault.ToProblem(fault.Field))]);
    }
}

/// <summary>A prompt and the answer to learn; the last turn of its conversation.</summary>
/// <param name="Human">What the user says.</param>
/// <param name="Assistant">The answer; only it is supervised.</param>
/// <param name="System">The system message; null when there is none.</param>
/// <param name="Earlier">Turns before this one, oldest first; empty for one question and one answer.</param>
/// <param name="Place">Where the row came from.</param>
public sealed record InstructionExample(
    string Human,
    string Assistant,
    string? System,
    IReadOnlyList<InstructionTurn> Earlier,
    SourcePlace Place) : IExample;

/// <summary>One question and its answer.</summary>
/// <param name="Human">What the user says.</param>
/// <param name="Assistant">The answer.</param>
public sealed record InstructionTurn(string Human, string Assistant);

/// <summary>A sequence that was tokenised elsewhere and is used as it is.</summary>
/// <param name="InputIds">Token ids, at least one.</param>
/// <param name="Labels">Target id at each position, as many as ids; <see cref="Ignored"/> where nothing is learnt.</param>
/// <param name="Place">Where the row came from.</param>
public sealed record TokenizedExample(int[] InputIds, int[] Labels, SourcePlace Place) : IExample
{
    /// <summary>The target that means that a position is not supervised.</summary>
    public const int Ignored = -100;
}
