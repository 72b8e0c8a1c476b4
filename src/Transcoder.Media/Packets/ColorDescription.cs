namespace Transcoder.Media.Packets;

/// <summary>
/// How code values become colour: the code points of ITU-T H.273, as H.264's VUI and AV1's sequence header carry them. 0 stands for not stated
/// (2 in the tables), so that the default value claims nothing.
/// </summary>
public readonly record struct ColorDescription(byte Primaries, byte Transfer, byte Matrix);
