using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Streams.Resources;

namespace Transcoder.Benchmarks.Streams.Placing;

/// <summary>What others do: a rule names the next card. To be fair they get more than they have: a ladder stays together where its card takes all of it, and they know
/// each card's capacity and stop at it, unless <paramref name="blind"/>.</summary>
/// <param name="rank">The card with the smallest rank is taken: (index, sessions, turn).</param>
internal sealed class RulePlacer(string name, IReadOnlyList<DeviceState> devices, Func<int, int, int, double> rank, bool blind = false) : IPlacer
{
    private readonly Dictionary<int, (VideoEncoderSettings[] Ladder, int Decoder, int[] Places)> _streams = [];
    private readonly EngineLoad[] _loads = new EngineLoad[devices.Count];
    private readonly int[] _sessions = new int[devices.Count];
    private readonly bool[] _lost = new bool[devices.Count];
    private int _turn;

    public string Name => name;

    public int Migrations { get; private set; }

    public void Arrive(int stream, VideoEncoderSettings[] ladder)
    {
        var places = new int[ladder.Length];
        var together = Choose(ladder);
        for (var i = 0; i < ladder.Length; i++)
        {
            places[i] = together >= 0 ? together : Choose([ladder[i]]);
            Add(places[i], ladder[i], 1);
        }

        _streams[stream] = (ladder, Math.Max(0, places.Max()), places);
    }

    public void Leave(int stream)
    {
        var (ladder, _, places) = _streams[stream];
        for (var i = 0; i < ladder.Length; i++)
        {
            Add(places[i], ladder[i], -1);
        }

        _streams.Remove(stream);
    }

    public void Lose(string device)
    {
        var lost = IndexOf(device);
        _lost[lost] = true;
        foreach (var (ladder, _, places) in _streams.Values)
        {
            for (var i = 0; i < ladder.Length; i++)
            {
                if (places[i] == lost)
                {
                    Add(lost, ladder[i], -1);
                    places[i] = Choose([ladder[i]]);
                    Add(places[i], ladder[i], 1);
                    Migrations += places[i] >= 0 ? 1 : 0;
                }
            }
        }
    }

    public void Find(string device) => _lost[IndexOf(device)] = false;

    public void Tick()
    {
    }

    public (string Decoder, string?[] Places) Of(int stream)
    {
        var (_, decoder, places) = _streams[stream];
        return (devices[decoder].Id, [.. places.Select(place => place < 0 ? null : devices[place].Id)]);
    }

    private int Choose(VideoEncoderSettings[] rungs)
    {
        var best = -1;
        var least = double.PositiveInfinity;
        for (var i = 0; i < devices.Count; i++)
        {
            if (_lost[i] || devices[i].Encode is not { } encode)
            {
                continue;
            }

            var more = rungs.Aggregate(default(EngineLoad), (sum, rung) => sum + devices[i].EncodeLoad(rung));
            if ((blind || _loads[i].Work + more.Work <= EngineState.Full * encode.Capacity) && rank(i, _sessions[i], _turn) is var value && value < least)
            {
                (best, least) = (i, value);
            }
        }

        _turn = best >= 0 ? best + 1 : _turn;
        return best;
    }

    private void Add(int device, VideoEncoderSettings rung, int sign)
    {
        if (device >= 0)
        {
            var load = devices[device].EncodeLoad(rung);
            _loads[device] = sign > 0 ? _loads[device] + load : _loads[device] - load;
            _sessions[device] += sign;
        }
    }

    private int IndexOf(string device)
    {
        for (var i = 0; i < devices.Count; i++)
        {
            if (devices[i].Id == device)
            {
                return i;
            }
        }

        throw new ArgumentException($"{device} is not there", nameof(device));
    }
}
