namespace Guanxi.Relations;

/// <summary>The ways to classify, by the names that <c>train --method</c> and artefacts give them.</summary>
public static class Methods
{
    /// <summary>A language model that answers a prompt.</summary>
    public const string Llm = "llm";

    /// <summary>An encoder whose states of both people and [CLS] are classified (arXiv 1905.08284).</summary>
    public const string RBert = "r-bert";

    /// <summary>An encoder whose pooled [CLS] is classified.</summary>
    public const string BertCls = "bert-cls";

    /// <summary>A bidirectional GRU with attention over an encoder that does not train.</summary>
    public const string BertBiGruAtt = "bert-bigru-att";

    /// <summary>Logistic regression on character n-grams; needs no model.</summary>
    public const string Tfidf = "tfidf";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Llm, RBert, BertCls, BertBiGruAtt, Tfidf];
}
