using System.Text.Json;

namespace Guanxi.Relations.Formats;

/// <summary>Reads the three forms of one JSON object a line.</summary>
internal static class JsonRows
{
    private const string Conversation = "conversation";

    public static IEnumerable<ReadRow> Relations(IEnumerable<TextLine> lines, RowContext context) =>
        Rows(lines, context, row => Relation(row, context));

    public static IEnumerable<ReadRow> Firefly(IEnumerable<TextLine> lines, RowContext context) => Rows(lines, context, Instruction);

    public static IEnumerable<ReadRow> Tokenized(IEnumerable<TextLine> lines, RowContext context) => Rows(lines, context, Tokens);

    private static IEnumerable<ReadRow> Rows(IEnumerable<TextLine> lines, RowContext context, Func<JsonRow, ReadRow> read)
    {
        var row = 0;
        foreach (var line in lines)
        {
            if (line.Problem is not null)
            {
                yield return context.Bad(line, ++row);
            }
            else if (!string.IsNullOrWhiteSpace(line.Text))
            {
                yield return JsonRow.Read(line, context.Place(line.Number, ++row), read);
            }
        }
    }

    private static ReadRow Relation(JsonRow row, RowContext context)
    {
        context.OtherFields.UnionWith(row.Root.EnumerateObject().Select(member => member.Name).Where(name => ColumnMap.FieldOf(name) is null));
        var input = new RelationInput(
            row.Text(RelationInput.TextField),
            row.Text(RelationInput.Person1Field),
            row.Text(RelationInput.Person2Field),
            row.Span(RelationInput.Span1Field),
            row.Span(RelationInput.Span2Field),
            row.Text(RelationInput.LabelField));
        return row.Problems.Count > 0 ? row.Finish(null) : context.Relation(input, row.Place, fault => row.ColumnOf(fault.Field));
    }

    private static ReadRow Instruction(JsonRow row)
    {
        if (!row.Root.TryGetProperty(Conversation, out var conversation) || conversation.ValueKind != JsonValueKind.Array)
        {
            row.Fault(DataRules.Json, Conversation, "conversation is not a list", "[{\"human\": ..., \"assistant\": ...}]");
            return row.Finish(null);
        }

        var turns = conversation.EnumerateArray().Select((turn, index) => Turn(row, turn, index)).OfType<InstructionTurn>().ToList();
        var system = row.Text("system");
        if (conversation.GetArrayLength() == 0)
        {
            row.Fault(DataRules.Empty, Conversation, "the conversation is empty");
        }

        return row.Problems.Count > 0
            ? row.Finish(null)
            : row.Finish(new InstructionExample(turns[^1].Human, turns[^1].Assistant, system, turns[..^1], row.Place));
    }

    private static InstructionTurn? Turn(JsonRow row, JsonElement turn, int index)
    {
        var texts = new string?[2];
        foreach (var (name, at) in new[] { ("human", 0), ("assistant", 1) })
        {
            if (turn.ValueKind != JsonValueKind.Object || !turn.TryGetProperty(name, out var value))
            {
                row.Fault(DataRules.Json, Conversation, $"turn {index + 1} of the conversation has no {name}");
            }
            else if ((texts[at] = row.TextOf(value, Conversation)) is "")
            {
                row.Fault(DataRules.Empty, Conversation, $"turn {index + 1} of the conversation has an empty {name}");
            }
        }

        return texts is [{ } human, { } assistant] ? new InstructionTurn(human, assistant) : null;
    }

    private static ReadRow Tokens(JsonRow row)
    {
        const string Ids = "input_ids";
        const string Labels = "labels";
        var (ids, labels) = (row.Ints(Ids), row.Ints(Labels));
        if (ids is null || labels is null)
        {
            return row.Finish(null);
        }

        if (ids.Length == 0 || ids.Length != labels.Length)
        {
            row.Fault(DataRules.Tokens, Labels, "there is not one label for each id", $"{Math.Max(1, ids.Length)}", $"{labels.Length}");
        }
        else if (ids.Any(id => id < 0) || labels.Any(label => label < 0 && label != TokenizedExample.Ignored))
        {
            row.Fault(DataRules.Tokens, Ids, "a token id is negative",
                $"ids from 0; {TokenizedExample.Ignored} among the labels for what is not learnt");
        }
        else if (labels.All(label => label == TokenizedExample.Ignored))
        {
            row.Fault(DataRules.Tokens, Labels, "no position is supervised, so there is nothing to learn from this row");
        }

        return row.Finish(new TokenizedExample(ids, labels, row.Place));
    }
}
