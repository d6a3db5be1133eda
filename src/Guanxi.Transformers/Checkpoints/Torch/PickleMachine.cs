using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Guanxi.Transformers.Checkpoints.Torch;

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
/// length and <see cref="PickleStack"/> are limited.
/// </remarks>
internal sealed class PickleMachine
{
    private const long MaxBytes = 32L << 20;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly MappedReader _input;
    private readonly PickleStack _stack;
    private readonly Dictionary<string, TorchStorage> _storages;
    private readonly long _end;

    private PickleMachine(MappedReader input, Dictionary<string, TorchStorage> storages)
    {
        _input = input;
        _stack = new PickleStack(input);
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
                var value = _stack.Pop();
                return _stack.IsEmpty ? value : throw _input.Fault("the pickle ends with values left over");
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
                _stack.Push(null);
                return true;
            case PickleOpcode.NewTrue or PickleOpcode.NewFalse:
                _stack.Push(opcode == PickleOpcode.NewTrue);
                return true;
            case PickleOpcode.BinInt:
                _stack.Push((long)(int)_input.ReadUInt32());
                return true;
            case PickleOpcode.BinInt1:
                _stack.Push((long)_input.ReadByte());
                return true;
            case PickleOpcode.BinInt2:
                _stack.Push((long)_input.ReadUInt16());
                return true;
            case PickleOpcode.Long1:
                var number = new BigInteger(_input.Read(_input.ReadByte()));
                _stack.Push(number >= long.MinValue && number <= long.MaxValue ? (object)(long)number : number);
                return true;
            case PickleOpcode.BinFloat:
                _stack.Push(BinaryPrimitives.ReadDoubleBigEndian(_input.Read(sizeof(double))));
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

        _stack.Push(Decode(_input.Read((long)Math.Min(length, long.MaxValue))));
        return true;
    }

    private bool Container(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Mark:
                _stack.Mark();
                return true;
            case PickleOpcode.EmptyTuple:
                _stack.Push(Array.Empty<object?>());
                return true;
            case PickleOpcode.EmptyList:
                _stack.Push(new List<object?>());
                return true;
            case PickleOpcode.EmptyDict:
                _stack.Push(new PickleDict());
                return true;
            case PickleOpcode.Tuple1 or PickleOpcode.Tuple2 or PickleOpcode.Tuple3:
                _stack.Push(_stack.Take(opcode - PickleOpcode.Tuple1 + 1));
                return true;
            case PickleOpcode.Tuple:
                _stack.Push(_stack.TakeToMark());
                return true;
            case PickleOpcode.Append:
                var last = _stack.Pop();
                _stack.Top<List<object?>>("a list").Add(last);
                return true;
            case PickleOpcode.Appends:
                var values = _stack.TakeToMark();
                _stack.Top<List<object?>>("a list").AddRange(values);
                return true;
            case PickleOpcode.SetItem:
                SetItems(_stack.Take(2));
                return true;
            case PickleOpcode.SetItems:
                SetItems(_stack.TakeToMark());
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
                _stack.Recall(_input.ReadByte());
                return true;
            case PickleOpcode.LongBinGet:
                _stack.Recall(_input.ReadUInt32());
                return true;
            case PickleOpcode.BinPut:
                _stack.Remember(_input.ReadByte());
                return true;
            case PickleOpcode.LongBinPut:
                _stack.Remember(_input.ReadUInt32());
                return true;
            case PickleOpcode.Memoize:
                _stack.RememberNext();
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
                _stack.Push(TorchObjects.Global(ReadLine(), ReadLine(), _input));
                return true;
            case PickleOpcode.StackGlobal:
                var names = _stack.Take(2);
                _stack.Push(names is [string module, string name]
                    ? TorchObjects.Global(module, name, _input)
                    : throw _input.Fault("the name of a function or class is no text"));
                return true;
            case PickleOpcode.BinPersId:
                _stack.Push(TorchObjects.Storage(_stack.Pop(), _storages, _input));
                return true;
            case PickleOpcode.Reduce:
                var call = _stack.Take(2);
                _stack.Push(TorchObjects.Call(call[0], call[1], _input));
                return true;
            case PickleOpcode.Build:
                // The attributes of an OrderedDict: a module leaves the versions of its parts there, which change no tensor.
                _ = _stack.Pop() as PickleDict ?? throw _input.Fault("attributes are set by something else than a dictionary");
                _ = _stack.Top<PickleDict>("a dictionary");
                return true;
            default:
                return false;
        }
    }

    private void SetItems(object?[] items)
    {
        var target = _stack.Top<PickleDict>("a dictionary").Items;
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
}
