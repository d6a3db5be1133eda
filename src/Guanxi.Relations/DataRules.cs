namespace Guanxi.Relations;

/// <summary>Names of everything that can be wrong with data; they are the <c>rule</c> of a finding.</summary>
public static class DataRules
{
    /// <summary>Bytes that are not UTF-8.</summary>
    public const string Encoding = "encoding";

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
}
