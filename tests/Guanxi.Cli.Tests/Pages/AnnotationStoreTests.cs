using Guanxi.Cli.Annotation;
using Guanxi.Relations;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Cli.Tests.Pages;

/// <summary>Nothing that an annotator said is lost, and nobody writes over somebody else.</summary>
public sealed class AnnotationStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_said_is_there_when_the_file_is_opened_again()
    {
        using (var store = Open(Row("甲"), Row("乙") with { Label = "好友" }))
        {
            store.Put(1, new Mark("父母", false, "注"), revision: 0, "a");
            store.Set("position", "2");
        }

        using var again = Open(Row("甲"), Row("乙") with { Label = "好友" }, Row("丙"), Row("丁") with { Label = "好友" });
        again.Put(4, new Mark("好友", true, ""), revision: 0, "b");
        Assert.Equal(new Mark("父母", false, "注"), again.Row(1)!.Mark);
        Assert.Equal(new Mark("好友", false, ""), again.Row(2)!.Mark);
        Assert.Equal(new Progress(4, 2, 1, 0, 0), again.Progress);
        Assert.Equal("2", again.Setting("position"));
    }

    [Fact]
    public void What_was_said_is_on_the_disk_at_once()
    {
        using var store = Open(Row("甲"));
        store.Put(1, new Mark("父母", false, ""), revision: 0, "a");

        // What a program that is killed now would leave behind.
        foreach (var ending in (string[])["", "-wal"])
        {
            File.Copy(_folder["work.db" + ending], _folder["left.db" + ending]);
        }

        using var left = new AnnotationStore(_folder["left.db"], TimeProvider.System);
        Assert.Equal("父母", left.Row(1)!.Mark.Label);
    }

    [Fact]
    public void A_change_that_was_made_on_an_old_view_is_refused()
    {
        using var store = Open(Row("甲"));
        store.Put(1, new Mark("父母", false, ""), revision: 0, "a");

        Assert.Throws<MarkConflictException>(() => store.Put(1, new Mark("好友", false, ""), revision: 0, "b"));
        Assert.Equal("父母", store.Row(1)!.Mark.Label);
    }

    [Fact]
    public void Undo_takes_back_the_work_of_its_own_tab_step_by_step()
    {
        using var store = Open(Row("甲"), Row("乙"));
        store.Put(1, new Mark("父母", false, ""), 0, "a");
        store.Put(1, new Mark("好友", false, ""), 1, "a");
        store.Put(2, new Mark("师生", false, ""), 0, "b");

        Assert.Equal(1, store.Undo("a"));
        Assert.Equal("父母", store.Row(1)!.Mark.Label);
        Assert.Equal(1, store.Undo("a"));
        Assert.Null(store.Row(1)!.Mark.Label);
        Assert.Null(store.Undo("a"));
        Assert.Null(store.Undo("c"));
        Assert.Equal("师生", store.Row(2)!.Mark.Label);
    }

    [Fact]
    public void Undo_refuses_when_another_tab_has_gone_on_from_the_change()
    {
        using var store = Open(Row("甲"));
        store.Put(1, new Mark("父母", false, ""), 0, "a");
        store.Put(1, new Mark("好友", false, ""), 1, "b");

        Assert.Throws<MarkConflictException>(() => store.Undo("a"));
        Assert.Equal("好友", store.Row(1)!.Mark.Label);
    }

    [Fact]
    public void After_a_restart_the_last_change_of_before_can_be_undone()
    {
        using (var store = Open(Row("甲"), Row("乙")))
        {
            store.Put(1, new Mark("父母", false, ""), 0, "a");
            store.Put(2, new Mark("师生", false, ""), 0, "a");
        }

        using var again = Open(Row("甲"), Row("乙"));
        Assert.Equal(2, again.Undo("new"));
        Assert.Null(again.Row(2)!.Mark.Label);
    }

    [Fact]
    public void A_filter_leads_to_the_rows_that_it_names()
    {
        using var store = Open([.. "甲乙丙丁".Select(name => Row($"{name}"))]);
        store.Put(2, new Mark("父母", false, ""), 0, "a");
        store.Put(3, new Mark(null, true, ""), 0, "a");
        store.Suggest([(2, new Suggestion("师生", "{}"))]);

        Assert.Equal(4, store.Next(1, isForward: true, RowFilter.Unlabelled));
        Assert.Equal(1, store.Next(4, isForward: true, RowFilter.Unlabelled));
        Assert.Equal(2, store.Next(1, isForward: true, RowFilter.Disagreeing));
        Assert.Equal(3, store.Next(4, isForward: false, RowFilter.Skipped));
        Assert.Equal(3, store.Next(4, isForward: false, RowFilter.All));
        Assert.Null(store.Next(4, isForward: true, RowFilter.All));
        Assert.Equal([3, 4, 1], store.WithoutSuggestion(from: 3, most: 9).Select(row => row.Number));
    }

    [Fact]
    public void A_database_of_other_rows_is_refused()
    {
        using (Open(Row("甲"), Row("乙")))
        {
        }

        Assert.Contains("other rows", Assert.Throws<OptionsException>(() => Open(Row("丙"), Row("乙"))).Message, StringComparison.Ordinal);
        Assert.Contains("more rows", Assert.Throws<OptionsException>(() => Open(Row("甲"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_database_is_told()
    {
        _folder.Add("work.db", string.Concat(Enumerable.Repeat("these are notes, not a database. ", 100)));

        Assert.Contains("not a database", Assert.Throws<OptionsException>(() => Open(Row("甲"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_to_be_used_any_more_fails_the_job_by_its_name()
    {
        using var database = new Database(_folder["work.db"], "CREATE TABLE known (value)");

        Assert.All(
            (Action[])
            [
                () => database.Execute("INSERT INTO gone VALUES (1)"), () => database.Number("SELECT value FROM gone"),
                () => database.Change(() => database.Number("SELECT value FROM gone")),
            ],
            use => Assert.StartsWith(_folder["work.db"], Assert.Throws<JobFailedException>(use).Message, StringComparison.Ordinal));
    }

    private static RelationExample Row(string name) => new($"{name}遇见王五", name, "王五", null, null, null, new SourcePlace("rows", 1, 1));

    private AnnotationStore Open(params RelationExample[] rows)
    {
        var store = new AnnotationStore(_folder["work.db"], TimeProvider.System);
        try
        {
            store.Import(rows);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }
}
