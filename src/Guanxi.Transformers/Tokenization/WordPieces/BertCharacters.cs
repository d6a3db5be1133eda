using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>What BERT's normaliser does.</summary>
/// <param name="Clean">Whether control characters vanish.</param>
/// <param name="SplitChinese">Whether every Chinese character is a word.</param>
/// <param name="StripAccents">Whether marks vanish.</param>
/// <param name="LowerCase">Whether capital letters become small.</param>
public sealed record BertNormalization(bool Clean, bool SplitChinese, bool StripAccents, bool LowerCase);

/// <summary>What becomes of a character of the text.</summary>
internal enum BertRole : byte
{
    /// <summary>Belongs to a word.</summary>
    Joins,

    /// <summary>Ends a word and is no part of any.</summary>
    Splits,

    /// <summary>Is a word by itself.</summary>
    Alone,

    /// <summary>Vanishes.</summary>
    Vanishes,

    /// <summary>Half a surrogate pair, or turns into several characters: <see cref="BertCharacters.Closely"/> tells.</summary>
    LookCloser,
}

/// <summary>What becomes of each character under BERT's normaliser and its splitting of words.</summary>
/// <remarks>
/// Source: bert.rs (normalizer and pre-tokenizer) of huggingface/tokenizers. Nothing there looks at more than one character, so all of it
/// is a table. Its tables of marks, formats and punctuation are those of Unicode 8: later ones count as letters.
/// </remarks>
internal sealed class BertCharacters
{
    // Marks, formats and punctuation of the runtime's Unicode that Unicode 8 did not know, as inclusive ranges.
    private const string Newer =
        """
        61D 7FD 890-891 897-89F 8CA-8E2 9FD-9FE A76 AFA-AFF B55 C04 C3C C77 C84 D00 D3B-D3C D81 EBA ECE 180F
        1885-1886 1ABF-1ACE 1B4E-1B4F 1B7D-1B7F 1DF6-1DFB 2E43-2E4F 2E52-2E5D A82C A8C5 A8FF A9BD 10D24-10D27 10D69-10D6E 10EAB-10EAD
        10EFC-10EFF 10F46-10F50 10F55-10F59 10F82-10F89
        11070 11073-11074 110C2 110CD 111CF 1123E 11241 1133B 113BB-113E2 11438-1145E 11660-1166C 116B9 1182F-1183B 1193B-11946 119D4-119E2
        11A01-11A0A 11A33-11A47 11A51-11A5B 11A8A-11AA2 11B00-11B09 11BE1 11C30-11C45 11C70-11C71 11C92-11CB6 11D31-11D47 11D90-11D97
        11EF3-11EF8 11F00-11F5A 11FFF 12FF1-12FF2 13430-13455 1611E-1612F 16D6D-16D6F 16E97-16E9A 16F4F 16FE2-16FE4 1CF00-1CF46 1E000-1E02A
        1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5FF 1E944-1E94A 1E95E-1E95F
        """;

    private static readonly (int First, int Last)[] s_newer =
        [.. Newer.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(Range)];
    private static readonly int[] s_oldMarks = [0x1734, 0x1171E];
    private static readonly int[] s_oldPunctuation = [0x166D, 0x111C9];

    // Source: the blocks that Google's tokenization.py lists; the Rust code leaves out 2B820 to 2B91F.
    private static readonly (int First, int Last)[] s_chinese =
    [
        (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
        (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F),
    ];

    private static readonly ConcurrentDictionary<BertNormalization, BertCharacters> s_tables = new();

    private readonly BertNormalization _rules;
    private readonly UnicodeNormalizer _decomposition = UnicodeNormalizer.Of(NormalizationForm.FormD);
    private readonly BertRole[] _roles = new BertRole[char.MaxValue + 1];
    private readonly char[] _turned = new char[char.MaxValue + 1];

    private BertCharacters(BertNormalization rules)
    {
        _rules = rules;
        for (var unit = 0; unit <= char.MaxValue; unit++)
        {
            (_roles[unit], _turned[unit]) = char.IsSurrogate((char)unit) ? (BertRole.LookCloser, '\0') : Short(Closely(unit));
        }
    }

    /// <summary>The table of some rules, made once.</summary>
    /// <param name="rules">What is done.</param>
    public static BertCharacters Of(BertNormalization rules) => s_tables.GetOrAdd(rules, wanted => new BertCharacters(wanted));

    /// <summary>What becomes of a UTF-16 unit.</summary>
    /// <param name="unit">The unit.</param>
    /// <param name="turned">What it turns into, where it joins or stands alone.</param>
    public BertRole Role(char unit, out char turned)
    {
        turned = _turned[unit];
        return _roles[unit];
    }

    /// <summary>What becomes of a character, as a list: one of several characters may have a role of its own.</summary>
    /// <param name="rune">The code point.</param>
    public IReadOnlyList<(BertRole Role, string Text)> Closely(int rune)
    {
        if (_rules.Clean && IsCleaned(rune))
        {
            return [];
        }

        var isChinese = _rules.SplitChinese && IsIn(s_chinese, rune);
        var text = new Rune(rune).ToString();
        text = _rules.StripAccents ? _decomposition.Apply(text)?.Text ?? text : text;
        var result = new List<(BertRole, string)>();
        foreach (var part in text.EnumerateRunes())
        {
            if (!(_rules.StripAccents && IsMark(part.Value)))
            {
                result.Add((isChinese ? BertRole.Alone : RoleOf(part), _rules.LowerCase ? Lower(part) : part.ToString()));
            }
        }

        return isChinese && result.Count > 1 ? [(BertRole.Alone, string.Concat(result.Select(part => part.Item2)))] : result;
    }

    private static (BertRole Role, char Turned) Short(IReadOnlyList<(BertRole Role, string Text)> parts) => parts switch
    {
        [] => (BertRole.Vanishes, '\0'),
        [(BertRole.Splits, _)] => (BertRole.Splits, '\0'),
        [var (role, text)] when text.Length == 1 => (role, text[0]),
        _ => (BertRole.LookCloser, '\0'),
    };

    private static BertRole RoleOf(Rune rune) =>
        Rune.IsWhiteSpace(rune) ? BertRole.Splits : IsPunctuation(rune.Value) ? BertRole.Alone : BertRole.Joins;

    // Small forms that the runtime does not know: the one that is two characters, and those that came with Unicode 17.
    private static string Lower(Rune rune) => rune.Value switch
    {
        0x130 => "i\u0307",
        0xA7CE or 0xA7D2 or 0xA7D4 => new Rune(rune.Value + 1).ToString(),
        >= 0x16EA0 and <= 0x16EB8 => new Rune(rune.Value + 0x1B).ToString(),
        _ => Rune.ToLowerInvariant(rune).ToString(),
    };

    private static bool IsCleaned(int rune) => rune == 0xFFFD || (rune is not ('\t' or '\n' or '\r') && Category(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse => true,
        _ => false,
    });

    private static bool IsMark(int rune) => Category(rune) == UnicodeCategory.NonSpacingMark;

    private static bool IsPunctuation(int rune) =>
        rune is >= '!' and <= '/' or >= ':' and <= '@' or >= '[' and <= '`' or >= '{' and <= '~'
        || Category(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;

    private static UnicodeCategory Category(int rune) =>
        IsIn(s_newer, rune) ? UnicodeCategory.OtherNotAssigned
        : s_oldMarks.Contains(rune) ? UnicodeCategory.NonSpacingMark
        : s_oldPunctuation.Contains(rune) ? UnicodeCategory.OtherPunctuation
        : CharUnicodeInfo.GetUnicodeCategory(rune);

    private static bool IsIn((int First, int Last)[] ranges, int rune)
    {
        foreach (var (first, last) in ranges)
        {
            if (rune >= first && rune <= last)
            {
                return true;
            }
        }

        return false;
    }

    private static (int First, int Last) Range(string text)
    {
        var ends = text.Split('-').Select(end => int.Parse(end, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)).ToArray();
        return (ends[0], ends[^1]);
    }
}
