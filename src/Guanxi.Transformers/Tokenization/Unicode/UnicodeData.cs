using System.Globalization;

namespace Guanxi.Transformers.Tokenization.Unicode;

/// <summary>Decompositions and combining classes of Unicode.</summary>
/// <remarks>
/// The runtime's own normalisation does nothing in invariant globalisation, so the data lies beside this file; see its first lines.
/// </remarks>
internal sealed class UnicodeData
{
    private const string Resource = "Guanxi.Unicode.decompositions.txt";

    private static readonly Lazy<UnicodeData> s_instance = new(() => new UnicodeData());

    private readonly Dictionary<int, byte> _classes = [];
    private readonly Dictionary<(int First, int Second), int> _compositions = [];

    private UnicodeData()
    {
        using var stream = typeof(UnicodeData).Assembly.GetManifestResourceStream(Resource)!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            ReadLine(line);
        }
    }

    /// <summary>The only instance.</summary>
    public static UnicodeData Instance => s_instance.Value;

    /// <summary>What a character is made of, one step deep, and whether it still is the same character then.</summary>
    public Dictionary<int, (int[] Parts, bool IsCanonical)> Decompositions { get; } = [];

    /// <summary>Characters with a combining class that is not 0.</summary>
    public IEnumerable<int> Marks => _classes.Keys;

    /// <summary>Characters that may join the one before them, Hangul vowels and finals left out.</summary>
    public IEnumerable<int> Joiners => _compositions.Keys.Select(pair => pair.Second);

    /// <summary>The combining class of a character.</summary>
    public byte Class(int rune) => _classes.GetValueOrDefault(rune);

    /// <summary>The character that two others make, or -1.</summary>
    public int Compose(int first, int second)
    {
        var hangul = Hangul.Compose(first, second);
        return hangul >= 0 ? hangul : _compositions.GetValueOrDefault((first, second), -1);
    }

    private void ReadLine(string line)
    {
        switch (line[0])
        {
            case '#':
                break;
            case '=':
                var (first, last) = (line.IndexOf('-'), line.IndexOf(' '));
                var combining = byte.Parse(line.AsSpan(last + 1), NumberStyles.None, CultureInfo.InvariantCulture);
                for (var rune = Hex(line[1..first]); rune <= Hex(line[(first + 1)..last]); rune++)
                {
                    _classes.Add(rune, combining);
                }

                break;
            default:
                var numbers = line.TrimStart('!', '~').Split(' ').Select(Hex).ToArray();
                Decompositions.Add(numbers[0], (numbers[1..], line[0] != '~'));
                if (line[0] is not ('!' or '~') && numbers.Length == 3)
                {
                    _compositions.Add((numbers[1], numbers[2]), numbers[0]);
                }

                break;
        }
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}

/// <summary>Hangul syllables, which are computed and in no table.</summary>
/// <remarks>Source: The Unicode Standard, section 3.12.</remarks>
internal static class Hangul
{
    public const int FirstSyllable = 0xAC00;
    public const int Syllables = Vowels * Finals * 19;
    public const int FirstVowel = 0x1161;
    public const int Vowels = 21;
    public const int FinalBase = 0x11A7;
    public const int Finals = 28;

    private const int FirstInitial = 0x1100;
    private const int Initials = 19;

    public static bool IsSyllable(int rune) => (uint)(rune - FirstSyllable) < Syllables;

    public static int[] Decompose(int syllable)
    {
        var index = syllable - FirstSyllable;
        var (initial, vowel) = (FirstInitial + (index / (Vowels * Finals)), FirstVowel + (index / Finals % Vowels));
        return index % Finals == 0 ? [initial, vowel] : [initial, vowel, FinalBase + (index % Finals)];
    }

    public static int Compose(int first, int second)
    {
        var (initial, vowel) = (first - FirstInitial, second - FirstVowel);
        if ((uint)initial < Initials && (uint)vowel < Vowels)
        {
            return FirstSyllable + (((initial * Vowels) + vowel) * Finals);
        }

        var final = second - FinalBase;
        return IsSyllable(first) && (first - FirstSyllable) % Finals == 0 && final is > 0 and < Finals ? first + final : -1;
    }
}
