namespace Guanxi.Relations;

/// <summary>Names of everything that can be wrong with data; they are the <c>rule</c> of a finding.</summary>
public static class DataRules
{
    private static readonly Dictionary<string, string> s_hints = new(StringComparer.Ordinal)
    {
        [Encoding] = "Save the file as UTF-8, or mend the line.",
        [Bom] = "It is read past; other programs take it for a part of the first name: guanxi data convert writes the file without.",
        [LineEnds] = "They are read as LF; guanxi data convert writes LF.",
        [Unreadable] = "Give a file in one of the forms that train reads.",
        [Marker] = "Put <e1>..</e1> around the first name and <e2>..</e2> around the second, each once.",
        [MarkerNested] = "If the name stands elsewhere in the sentence, mark that place.",
        [Empty] = "Give the sentence, the name or the answer, or leave the row out.",
        [NameNotInText] = "Spell the name as the sentence does.",
        [LabelMissing] = "Give the row a label, or check it as unlabelled data.",
        [LabelUnknown] = "Correct the label, or add it to the labels file.",
        [LabelSpelling] = "Choose one spelling for all rows.",
        [LabelRare] = "Correct it if it is a slip of the pen; so few rows teach nothing.",
        [Duplicate] = "Leave one of the two out.",
        [LabelConflict] = "Decide which label is right.",
        [BothOrders] = "Keep both only where the label holds in both directions.",
        [Leakage] = "Leave it out of one file, or make new files: guanxi data split --group sentence.",
        [AmbiguousMention] = "Mark the place that is meant, or give people1_span and people2_span.",
        [NameInName] = "Check that both names are spelled in full.",
        [TooLong] = "Shorten it, or train with a greater max_seq_length.",
        [PromptLabel] = "Let the prompt list the labels as the data spell them.",
    };

    /// <summary>Bytes that are not UTF-8.</summary>
    public const string Encoding = "encoding";

    /// <summary>A file that begins with a byte order mark.</summary>
    public const string Bom = "bom";

    /// <summary>Lines that end with CR LF.</summary>
    public const string LineEnds = "line-ends";

    /// <summary>A file of no kind that can be read, or that cannot be opened.</summary>
    public const string Unreadable = "unreadable";

    /// <summary>A line that is not a JSON object, or a field of the wrong JSON type.</summary>
    public const string Json = "json";

    /// <summary>A row with more or fewer columns than the header, or an unclosed quotation.</summary>
    public const string Columns = "columns";

    /// <summary>A marker that is missing, repeated, unclosed or crosses the other pair.</summary>
    public const string Marker = "marker";

    /// <summary>Markers of one person inside those of the other.</summary>
    public const string MarkerNested = "marker-nested";

    /// <summary>No text, or a name without a character.</summary>
    public const string Empty = "empty";

    /// <summary>A name that does not occur in the text.</summary>
    public const string NameNotInText = "name-not-in-text";

    /// <summary>A span that is outside the text or holds something else than the name.</summary>
    public const string Span = "span";

    /// <summary>No label where one is needed.</summary>
    public const string LabelMissing = "label-missing";

    /// <summary>A label that the schema does not know.</summary>
    public const string LabelUnknown = "label-unknown";

    /// <summary>One label in two spellings.</summary>
    public const string LabelSpelling = "label-spelling";

    /// <summary>A label that hardly any row has.</summary>
    public const string LabelRare = "label-rare";

    /// <summary>A token sequence that cannot be trained on.</summary>
    public const string Tokens = "tokens";

    /// <summary>The same marked sentence with the same label again.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>The same marked sentence with another label.</summary>
    public const string LabelConflict = "label-conflict";

    /// <summary>The same sentence and people in the other order.</summary>
    public const string BothOrders = "both-orders";

    /// <summary>A sentence of one file that is also in another.</summary>
    public const string Leakage = "leakage";

    /// <summary>A name that occurs in its sentence more than once.</summary>
    public const string AmbiguousMention = "ambiguous-mention";

    /// <summary>One of the two names is part of the other.</summary>
    public const string NameInName = "name-in-name";

    /// <summary>A row longer than the limit.</summary>
    public const string TooLong = "too-long";

    /// <summary>A label that the prompt spells otherwise or does not name.</summary>
    public const string PromptLabel = "prompt-label";

    /// <summary>What to do about a fault, in one sentence.</summary>
    /// <param name="rule">A name from this list.</param>
    /// <returns>The hint.</returns>
    public static string HintOf(string rule) => s_hints.GetValueOrDefault(rule, "Mend the row, or leave it out.");
}
