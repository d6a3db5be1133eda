namespace Guanxi.Relations.Formats;

/// <summary>Lists, and tables of probabilities, in a line of JSON.</summary>
internal static class JsonLists
{
    /// <summary>Writes whole numbers.</summary>
    public static JsonLineWriter List(this JsonLineWriter json, IEnumerable<int> numbers) => json.List(numbers, number => json.Value(number));

    /// <summary>Writes real numbers.</summary>
    public static JsonLineWriter List(this JsonLineWriter json, IEnumerable<double> numbers) => json.List(numbers, number => json.Value(number));

    /// <summary>Writes texts.</summary>
    public static JsonLineWriter List(this JsonLineWriter json, IEnumerable<string> texts) => json.List(texts, text => json.Value(text));

    /// <summary>Writes the probability of every label as an object.</summary>
    public static JsonLineWriter Object(this JsonLineWriter json, IEnumerable<KeyValuePair<string, double>> probabilities)
    {
        json.StartObject();
        foreach (var (label, probability) in probabilities)
        {
            json.Name(label).Value(probability);
        }

        return json.EndObject();
    }

    /// <summary>Writes anything.</summary>
    /// <param name="json">The line.</param>
    /// <param name="items">What is in the list.</param>
    /// <param name="write">Writes one item to the line.</param>
    public static JsonLineWriter List<T>(this JsonLineWriter json, IEnumerable<T> items, Action<T> write)
    {
        json.StartArray();
        foreach (var item in items)
        {
            write(item);
        }

        return json.EndArray();
    }
}
