/**
 * What the probe guest writes to port 0xe9 one after the other, each word out of one 64-bit register: when it has
 * come to long mode, when it has kept and restored the vector registers, when it has counted to `loopCount`.
 */
export const probeWords = ['long64ok', 'xsave_ok', 'speed_ok'] as const;

/** 10 ms on a processor, a tenth of a second under TCG, half a minute where each instruction is emulated by itself. */
const loopCount = 1 << 25;

/** What it writes to port 0xf4; QEMU's isa-debug-exit makes `2 * value + 1` of it. */
const exitValue = 0x2a;
export const probeExitCode = exitValue * 2 + 1;

/** Images are mapped to end at 4 GiB; this size is the smallest that QEMU takes as firmware. */
const imageBytes = 64 * 1024;
const base = 0x1_0000_0000 - imageBytes;

/** Where the parts are in the image. */
const at = { entry: 0x0000, protected: 0x0100, long: 0x0200, gdt: 0x0300, gdtr: 0x0340, reset: 0xfff0 } as const;

/** Page tables, and the area for vector registers, in low memory, which is zero when the guest begins. */
const memory = { pml4: 0x1000, pdpt: 0x2000, low: 0x3000, high: 0x4000, vectors: 0x8000 } as const;

const selector = { code32: 0x08, data: 0x10, code64: 0x18 } as const;

/**
 * A firmware image that takes the processor from reset through real and protected mode into 64-bit long mode with
 * paging, as every ordinary operating system does, and there does two things that every
 * kernel does and that a KVM which only emulates kernel code fails at: saving the vector registers, and working at
 * the processor's speed. It ends with `probeExitCode`. The manual is Intel's SDM, volume 3A, 10.1 and 11.8.5 (or AMD's APM,
 * volume 2, 14.1 and 14.6).
 */
export function buildProbeGuest(): Uint8Array {
  const image = new Uint8Array(imageBytes);
  image.set(realMode(), at.entry);
  image.set(protectedMode(), at.protected);
  image.set(longMode(), at.long);
  image.set(descriptors(), at.gdt);
  // Limit and base of the descriptor table.
  image.set([...word(4 * 8 - 1), ...dword(base + at.gdt)], at.gdtr);
  // The first instruction of all, 16 bytes below 4 GiB. jmp entry
  image.set([0xe9, ...word(at.entry - (at.reset + 3))], at.reset);
  return image;
}

/** 16-bit code; the code segment begins at `base` until the first far jump. */
function realMode(): number[] {
  return [
    0xfa, // cli
    ...[0x2e, 0x66, 0x0f, 0x01, 0x16, ...word(at.gdtr)], // lgdt cs:[gdtr], with a 32-bit base
    ...[0x0f, 0x20, 0xc0], // mov eax, cr0
    ...[0x0c, 0x01], // or al, 1: protection enable
    ...[0x0f, 0x22, 0xc0], // mov cr0, eax
    ...[0x66, 0xea, ...dword(base + at.protected), ...word(selector.code32)], // jmp far code32:protected
  ];
}

/** 32-bit code. */
function protectedMode(): number[] {
  const present = 0x03; // present, writable
  const large = 0x83; // and of 2 MiB
  return [
    ...[0xb8, ...dword(selector.data)], // mov eax, data
    ...[0x8e, 0xd8], // mov ds, ax
    ...[0x8e, 0xd0], // mov ss, ax
    // Identity mapping of the first 2 MiB, where the tables are, and of the last below 4 GiB, where this code is.
    ...store(memory.pml4, memory.pdpt | present),
    ...store(memory.pdpt, memory.low | present),
    ...store(memory.pdpt + 3 * 8, memory.high | present),
    ...store(memory.low, large),
    ...store(memory.high + 511 * 8, 0xffe0_0000 + large),
    ...[0x0f, 0x20, 0xe0], // mov eax, cr4
    ...[0x83, 0xc8, 0x20], // or eax, 1 << 5: physical address extension
    ...[0x0f, 0x22, 0xe0], // mov cr4, eax
    ...[0xb8, ...dword(memory.pml4)], // mov eax, pml4
    ...[0x0f, 0x22, 0xd8], // mov cr3, eax
    ...[0xb9, ...dword(0xc000_0080)], // mov ecx, IA32_EFER
    ...[0x0f, 0x32], // rdmsr
    ...[0x0d, ...dword(0x100)], // or eax, 1 << 8: long mode enable
    ...[0x0f, 0x30], // wrmsr
    ...[0x0f, 0x20, 0xc0], // mov eax, cr0
    ...[0x25, ...dword(0x1fff_ffff)], // and eax, ~(7 << 29): caches on
    ...[0x0d, ...dword(0x8000_0000)], // or eax, 1 << 31: paging
    ...[0x0f, 0x22, 0xc0], // mov cr0, eax
    ...[0xea, ...dword(base + at.long), ...word(selector.code64)], // jmp far code64:long
  ];
}

/** 64-bit code; in any other mode its 64-bit immediates and shifts would be other instructions. */
function longMode(): number[] {
  const saveAndRestore = [
    ...[0x0f, 0x20, 0xe0], // mov eax, cr4
    ...[0x0d, ...dword(0x4_0600)], // or eax, 1 << 18 | 1 << 10 | 1 << 9: OSXSAVE, OSXMMEXCPT, OSFXSR
    ...[0x0f, 0x22, 0xe0], // mov cr4, rax
    ...[0x31, 0xc9], // xor ecx, ecx: XCR0
    ...[0x31, 0xd2], // xor edx, edx
    ...[0xb8, ...dword(0x3)], // mov eax, 3: x87 and SSE state
    ...[0x0f, 0x01, 0xd1], // xsetbv
    ...[0xbf, ...dword(memory.vectors)], // mov edi, vectors
    ...[0xdb, 0xe3], // fninit
    ...[0x48, 0x0f, 0xae, 0x27], // xsave64 [rdi]
    ...[0x48, 0x0f, 0xae, 0x2f], // xrstor64 [rdi]
  ];
  const cpuid = [
    ...[0xb8, ...dword(1)], // mov eax, 1
    ...[0x31, 0xc9], // xor ecx, ecx
    ...[0x0f, 0xa2], // cpuid
    ...[0x0f, 0xba, 0xe1, 26], // bt ecx, 26: XSAVE
    ...[0x73, saveAndRestore.length], // jnc: a processor without it has no use for it
  ];
  const count = [
    ...[0xb9, ...dword(loopCount)], // mov ecx, loopCount
    ...[0xff, 0xc9], // dec ecx
    ...[0x75, 0xfc], // jnz dec
  ];
  const [longWord, saveWord, speedWord] = probeWords;
  return [
    ...say(longWord),
    ...cpuid,
    ...saveAndRestore,
    ...say(saveWord),
    ...count,
    ...say(speedWord),
    ...[0xb0, exitValue], // mov al, exitValue
    ...[0xe6, 0xf4], // out 0xf4, al: the end
    0xf4, // hlt
    ...[0xeb, 0xfd], // jmp hlt
  ];
}

/** Writes eight characters. */
function say(characters: string): number[] {
  const shiftOut = [
    ...[0xe6, 0xe9], // out 0xe9, al
    ...[0x48, 0xc1, 0xe8, 0x08], // shr rax, 8
  ];
  return [
    ...[0x48, 0xb8, ...new TextEncoder().encode(characters)], // mov rax, characters
    ...shiftOut,
    ...[0x75, -(shiftOut.length + 2) & 0xff], // jnz shiftOut
  ];
}

/** Null, 32-bit code, data and 64-bit code, each over all memory (SDM volume 3A, figure 3-8). */
function descriptors(): number[] {
  return [
    ...[0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
    ...[0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xcf, 0x00],
    ...[0xff, 0xff, 0x00, 0x00, 0x00, 0x93, 0xcf, 0x00],
    ...[0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xaf, 0x00],
  ];
}

/** mov dword [address], value */
function store(address: number, value: number): number[] {
  return [0xc7, 0x05, ...dword(address), ...dword(value)];
}

function word(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

function dword(value: number): number[] {
  return [...word(value), ...word(value >>> 16)];
}
