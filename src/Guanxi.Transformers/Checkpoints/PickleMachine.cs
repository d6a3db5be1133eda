using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A dictionary as a pickle builds it; keys are not compared until someone needs it.</summary>
internal sealed class PickleDict
{
    /// <summary>Keys and values in the order in which they were set.</summary>
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>Builds the value that a pickle describes, out of numbers, texts, containers and what <see cref="TorchObjects"/> knows; it runs nothing.</summary>
/// <remarks>
/// Protocols 2 to 5, https://docs.python.org/3/library/pickle.html. A list is a <c>List&lt;object?&gt;</c>, a tuple an array, an
/// integer a <c>long</c> or a <c>BigInteger</c>. Values are built without recursion and never walked, so depth does no harm;
/// number of values, stack, marks, memo and length are limited.
/// </remarks>
internal sealed class PickleMachine
{
    // Python fills containers in batches of 1000. A tensor takes about 25 values and 150 bytes: there is room for 40 000 of them.
    private const int MaxStack = 10_000;
    private const int MaxMarks = 100;
    private const int MaxValues = 1 << 20;
    private const int MaxMemo = 1 << 19;
    private const long MaxBytes = 32L << 20;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly MappedReader _input;
    private readonly List<object?> _stack = [];
    private readonly Stack<int> _marks = [];
    private readonly List<object?> _memo = [];
    private readonly Dictionary<string, TorchStorage> _storages;
    private readonly long _end;
    private int _pushed;

    private PickleMachine(MappedReader input, Dictionary<string, TorchStorage> storages)
    {
        _input = input;
        _storages = storages;
        _end = input.Position + Math.Min(MaxBytes, input.Remaining);
    }

    /// <summary>Reads one pickle and stops behind it.</summary>
    /// <param name="input">Where it begins.</param>
    /// <param name="storages">Receives the storages that are referred to, by key.</param>
    /// <returns>The value.</returns>
    /// <exception cref="CheckpointException">It is damaged, too large, or asks for something that is not allowed.</exception>
    public static object? Load(MappedReader input, Dictionary<string, TorchStorage> storages)
    {
        if (input.ReadByte() != (byte)PickleOpcode.Proto || input.ReadByte() is < 2 or > 5)
        {
            throw input.Fault("this is no pickle of protocol 2 to 5");
        }

        return new PickleMachine(input, storages).Run();
    }

    private object? Run()
    {
        while (true)
        {
            var opcode = (PickleOpcode)_input.ReadByte();
            if (opcode == PickleOpcode.Stop)
            {
                var value = Pop();
                return _stack.Count == 0 ? value : throw _input.Fault("the pickle ends with values left over");
            }

            if (!Constant(opcode) && !Text(opcode) && !Container(opcode) && !Memory(opcode) && !Object(opcode))
            {
                throw _input.Fault("the pickle uses an instruction that no checkpoint needs", null, $"0x{(byte)opcode:x2}", null);
            }

            if (_input.Position > _end)
            {
                throw _input.Fault("the pickle is too long", $"at most {MaxBytes} bytes", null, null);
            }
        }
    }

    private bool Constant(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.None:
                Push(null);
                return true;
            case PickleOpcode.NewTrue or PickleOpcode.NewFalse:
                Push(opcode == PickleOpcode.NewTrue);
                return true;
            case PickleOpcode.BinInt:
                Push((long)(int)_input.ReadUInt32());
                return true;
            case PickleOpcode.BinInt1:
                Push((long)_input.ReadByte());
                return true;
            case PickleOpcode.BinInt2:
                Push((long)_input.ReadUInt16());
                return true;
            case PickleOpcode.Long1:
                var number = new BigInteger(_input.Read(_input.ReadByte()));
                Push(number >= long.MinValue && number <= long.MaxValue ? (object)(long)number : number);
                return true;
            case PickleOpcode.BinFloat:
                Push(BinaryPrimitives.ReadDoubleBigEndian(_input.Read(sizeof(double))));
                return true;
            case PickleOpcode.Frame:
                _ = _input.ReadUInt64();
                return true;
            default:
                return false;
        }
    }

    private bool Text(PickleOpcode opcode)
    {
        ulong length;
        switch (opcode)
        {
            case PickleOpcode.ShortBinUnicode or PickleOpcode.ShortBinString:
                length = _input.ReadByte();
                break;
            case PickleOpcode.BinUnicode or PickleOpcode.BinString:
                length = _input.ReadUInt32();
                break;
            case PickleOpcode.BinUnicode8:
                length = _input.ReadUInt64();
                break;
            default:
                return false;
        }

        Push(Decode(_input.Read((long)Math.Min(length, long.MaxValue))));
        return true;
    }

    private bool Container(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Mark when _marks.Count < MaxMarks:
                _marks.Push(_stack.Count);
                return true;
            case PickleOpcode.EmptyTuple:
                Push(Array.Empty<object?>());
                return true;
            case PickleOpcode.EmptyList:
                Push(new List<object?>());
                return true;
            case PickleOpcode.EmptyDict:
                Push(new PickleDict());
                return true;
            case PickleOpcode.Tuple1 or PickleOpcode.Tuple2 or PickleOpcode.Tuple3:
                Push(Take(opcode - PickleOpcode.Tuple1 + 1));
                return true;
            case PickleOpcode.Tuple:
                Push(TakeToMark());
                return true;
            case PickleOpcode.Append or PickleOpcode.Appends:
                var values = opcode == PickleOpcode.Append ? Take(1) : TakeToMark();
                Top<List<object?>>("a list").AddRange(values);
                return true;
            case PickleOpcode.SetItem or PickleOpcode.SetItems:
                SetItems(opcode == PickleOpcode.SetItem ? Take(2) : TakeToMark());
                return true;
            default:
                return false;
        }
    }

    private bool Memory(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.BinGet:
                Recall(_input.ReadByte());
                return true;
            case PickleOpcode.LongBinGet:
                Recall(_input.ReadUInt32());
                return true;
            case PickleOpcode.BinPut:
                Remember(_input.ReadByte());
                return true;
            case PickleOpcode.LongBinPut:
                Remember(_input.ReadUInt32());
                return true;
            case PickleOpcode.Memoize:
                Remember((uint)_memo.Count);
                return true;
            default:
                return false;
        }
    }

    private bool Object(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Global:
                Push(TorchObjects.Global(ReadLine(), ReadLine(), _input));
                return true;
            case PickleOpcode.StackGlobal:
                var names = Take(2);
                Push(names is [string module, string name]
                    ? TorchObjects.Global(module, name, _input)
                    : throw _input.Fault("the name of a function or class is no text"));
                return true;
            case PickleOpcode.BinPersId:
                Push(TorchObjects.Storage(Pop(), _storages, _input));
                return true;
            case PickleOpcode.Reduce:
                var call = Take(2);
                Push(TorchObjects.Call(call[0], call[1], _input));
                return true;
            case PickleOpcode.Build:
                // The attributes of an OrderedDict: a module leaves the versions of its parts there, which change no tensor.
                _ = Pop() as PickleDict ?? throw _input.Fault("attributes are set by something else than a dictionary");
                _ = Top<PickleDict>("a dictionary");
                return true;
            default:
                return false;
        }
    }

    private void SetItems(object?[] items)
    {
        var target = Top<PickleDict>("a dictionary").Items;
        if (items.Length % 2 != 0)
        {
            throw _input.Fault("a dictionary has a key without a value");
        }

        for (var i = 0; i < items.Length; i += 2)
        {
            target.Add((items[i], items[i + 1]));
        }
    }

    private string ReadLine()
    {
        var line = new List<byte>();
        for (byte next; (next = _input.ReadByte()) != (byte)'\n';)
        {
            if (line.Count == byte.MaxValue)
            {
                throw _input.Fault("the name of a function or class is too long", $"at most {byte.MaxValue} bytes", null, null);
            }

            line.Add(next);
        }

        return Decode(line.ToArray());
    }

    private string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return s_strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw _input.Fault("a text is not UTF-8");
        }
    }

    private void Remember(uint index)
    {
        Require(1);
        if (index > _memo.Count || index == MaxMemo)
        {
            throw _input.Fault("the pickle stores a value out of turn", $"at most number {Math.Min(_memo.Count, MaxMemo - 1)}", $"{index}", null);
        }

        // Every pickler numbers from 0; a table of free numbers could be made slow.
        if (index == _memo.Count)
        {
            _memo.Add(_stack[^1]);
        }
        else
        {
            _memo[(int)index] = _stack[^1];
        }
    }

    private void Recall(uint index) =>
        Push(index < _memo.Count ? _memo[(int)index] : throw _input.Fault($"the pickle recalls value {index}, which it never stored"));

    private void Push(object? value)
    {
        if (++_pushed > MaxValues)
        {
            throw _input.Fault("the pickle builds too many values", $"at most {MaxValues}", null, null);
        }

        if (_stack.Count == MaxStack)
        {
            throw _input.Fault("the pickle nests or collects too much", $"at most {MaxStack} values at once", null, null);
        }

        _stack.Add(value);
    }

    private object? Pop() => Take(1)[0];

    private T Top<T>(string expected)
        where T : class
    {
        Require(1);
        return _stack[^1] as T ?? throw _input.Fault("the pickle changes a value of another kind", expected, null, null);
    }

    private object?[] TakeToMark()
    {
        if (_marks.Count == 0)
        {
            throw _input.Fault("the pickle goes back to a mark that it never set");
        }

        var values = Take(_stack.Count - _marks.Peek());
        _marks.Pop();
        return values;
    }

    private object?[] Take(int count)
    {
        Require(count);
        var values = CollectionsMarshal.AsSpan(_stack)[^count..].ToArray();
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    private void Require(int count)
    {
        if (_stack.Count - (_marks.TryPeek(out var mark) ? mark : 0) < count)
        {
            throw _input.Fault("the pickle takes a value from an empty stack");
        }
    }
}
