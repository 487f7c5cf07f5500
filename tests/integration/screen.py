"""What a terminal shows: the part of a VT100 (vt100(5) of terminfo) that programs with TERM=vt100 use, as rows of characters."""
import re

# CSI, character sets, operating system commands and strings, and escapes of one character.
SEQUENCE = re.compile(rb"\x1b(?:\[([?>=]?)([0-9;]*)([@-~])|[()*+#%].|[\]PX^_].*?(?:\x07|\x1b\\)|([^\[\]PX^_()*+#%]))", re.DOTALL)


class Screen:
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.pending = b""
        self.reset()

    def reset(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, self.rows - 1
        self.wraps = False  # the next character begins a line
        self.saved = (0, 0)

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def feed(self, data):
        data = self.pending + data
        at = 0
        while at < len(data):
            if data[at] != 0x1b:
                self.plain(chr(data[at]))
                at += 1
                continue
            match = SEQUENCE.match(data, at)
            if match is None:
                if len(data) - at < 256:  # the rest has not come yet
                    break
                at += 1
                continue
            at = match.end()
            if match[3] is not None:
                numbers = [int(number or 0) for number in match[2].split(b";")]
                if not match[1]:
                    self.control(match[3].decode(), numbers)
            elif match[4] is not None:
                self.escape(match[4].decode("latin-1"))
        self.pending = data[at:]

    def plain(self, character):
        if character == "\r":
            self.move(self.row, 0)
        elif character in "\n\v\f":
            self.line_feed()
        elif character == "\b":
            self.move(self.row, self.column - 1)
        elif character == "\t":
            self.move(self.row, (self.column // 8 + 1) * 8)
        elif character >= " " and character != "\x7f":
            if self.wraps:
                self.column = 0
                self.line_feed()
            self.cells[self.row][self.column] = character
            self.wraps = self.column == self.columns - 1
            self.column = min(self.column + 1, self.columns - 1)

    def move(self, row, column):
        self.row = min(max(row, 0), self.rows - 1)
        self.column = min(max(column, 0), self.columns - 1)
        self.wraps = False

    def line_feed(self):
        self.wraps = False
        if self.row == self.bottom:
            self.scroll(self.top, 1)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def scroll(self, top, count):
        """Moves the lines from `top` to the region's end up, or down when negative."""
        for _ in range(abs(count)):
            removed, added = (top, self.bottom) if count > 0 else (self.bottom, top)
            del self.cells[removed]
            self.cells.insert(added, [" "] * self.columns)

    def escape(self, final):
        if final == "7":
            self.saved = (self.row, self.column)
        elif final == "8":
            self.move(*self.saved)
        elif final in "DE":
            if final == "E":
                self.column = 0
            self.line_feed()
        elif final == "M":
            if self.row == self.top:
                self.scroll(self.top, -1)
            else:
                self.move(self.row - 1, self.column)
        elif final == "c":
            self.reset()

    def blank(self, row, first, last):
        for column in range(max(first, 0), min(last, self.columns - 1) + 1):
            self.cells[row][column] = " "

    def control(self, final, numbers):
        count = max(numbers[0], 1)
        if final in "ABCD":
            rows = {"A": -count, "B": count}.get(final, 0)
            columns = {"C": count, "D": -count}.get(final, 0)
            self.move(self.row + rows, self.column + columns)
        elif final == "G":
            self.move(self.row, count - 1)
        elif final == "d":
            self.move(count - 1, self.column)
        elif final in "Hf":
            self.move(count - 1, max(numbers[1] if len(numbers) > 1 else 1, 1) - 1)
        elif final == "J":
            first = {0: self.row + 1}.get(numbers[0], 0)
            last = {1: self.row - 1}.get(numbers[0], self.rows - 1)
            for row in range(first, last + 1):
                self.blank(row, 0, self.columns - 1)
            if numbers[0] < 2:
                self.control("K", numbers)
        elif final == "K":
            self.blank(self.row, self.column if numbers[0] == 0 else 0, self.column if numbers[0] == 1 else self.columns - 1)
        elif final in "LM" and self.top <= self.row <= self.bottom:
            self.scroll(self.row, -count if final == "L" else count)
        elif final in "P@X":
            line = self.cells[self.row]
            if final == "P":
                del line[self.column:self.column + count]
                line += [" "] * (self.columns - len(line))
            elif final == "@":
                line[self.column:self.column] = [" "] * count
                del line[self.columns:]
            else:
                self.blank(self.row, self.column, self.column + count - 1)
        elif final == "r":
            self.top = count - 1
            self.bottom = min(max(numbers[1] if len(numbers) > 1 else 0, 0) or self.rows, self.rows) - 1
            self.move(0, 0)
