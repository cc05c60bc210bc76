// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {Histories, History, Interval} from "../../contracts/lib/History.sol";
import {vm} from "./support/Vm.sol";

contract HistoryHarness {
    History private _history;

    function open() external {
        _history.open();
    }

    function impose() external {
        _history.impose();
    }

    function close() external {
        _history.close();
    }

    function inForce() external view returns (bool) {
        return _history.inForce();
    }

    function intervals() external view returns (Interval[] memory) {
        return _history.intervals();
    }
}

/// @notice Histories against a naive model: a list of spans and, block by block, what was in force.
contract HistoryTest {
    HistoryHarness private _right;
    HistoryHarness private _restriction;

    Interval[] private _model;
    uint256 private _first;
    // For each block since _first: whether it was in force when the block ended.
    bool[] private _atEndOf;

    function setUp() public {
        vm.roll(500);
        _right = new HistoryHarness();
        _restriction = new HistoryHarness();
    }

    function test_neverOpenedIsNotInForce() public {
        vm.assertFalse(_right.inForce(), "in force");
        vm.assertEq(_right.intervals().length, 0, "intervals");
        vm.expectRevert(abi.encodeWithSelector(Histories.NotInForce.selector));
        _right.close();
    }

    function test_isInForceFromItsOpeningToItsClosing() public {
        _right.open();
        vm.assertTrue(_right.inForce(), "in the opening's block");
        vm.roll(510);
        vm.assertTrue(_right.inForce(), "later");
        _right.close();
        vm.assertFalse(_right.inForce(), "in the closing's block");
        Interval[] memory list = _right.intervals();
        vm.assertEq(list.length, 1, "intervals");
        vm.assertEq(list[0].from, 500, "from");
        vm.assertEq(list[0].until, 510, "until");
    }

    function test_cannotBeOpenedTwice() public {
        _right.open();
        vm.roll(501);
        vm.expectRevert(abi.encodeWithSelector(Histories.AlreadyInForce.selector, uint64(500)));
        _right.open();
    }

    function test_cannotBeClosedTwice() public {
        _right.open();
        _right.close();
        vm.expectRevert(abi.encodeWithSelector(Histories.NotInForce.selector));
        _right.close();
    }

    function test_aClosingStandsUntilTheNextBlock() public {
        _right.open();
        vm.roll(501);
        _right.close();
        vm.expectRevert(abi.encodeWithSelector(Histories.ClosedInThisBlock.selector, uint64(501)));
        _right.open();
        vm.roll(502);
        _right.open();
        vm.assertTrue(_right.inForce(), "again in force");
        vm.assertEq(_right.intervals().length, 2, "intervals");
    }

    function test_aRestrictionClosedInThisBlockGoesOn() public {
        _restriction.impose();
        vm.roll(501);
        _restriction.close();
        _restriction.impose();
        vm.assertTrue(_restriction.inForce(), "in force");
        Interval[] memory list = _restriction.intervals();
        vm.assertEq(list.length, 1, "adjoining intervals are one");
        vm.assertEq(list[0].from, 500, "from");
        vm.assertEq(list[0].until, 0, "until");
    }

    function test_aRestrictionCannotBeImposedTwice() public {
        _restriction.impose();
        vm.expectRevert(abi.encodeWithSelector(Histories.AlreadyInForce.selector, uint64(500)));
        _restriction.impose();
    }

    /// @dev Each byte is a step: its low bits choose open, close or a new block.
    function testFuzz_matchesTheNaiveModel(bytes32[2] calldata steps) public {
        _first = block.number;
        for (uint256 i = 0; i < 64; ++i) {
            uint8 step = uint8(steps[i / 32][i % 32]) % 3;
            if (step == 0) _openBoth();
            else if (step == 1) _closeBoth();
            else _nextBlock();
        }
        _nextBlock();
        Interval[] memory list = _right.intervals();
        vm.assertEq(list.length, _model.length, "number of intervals");
        for (uint256 i = 0; i < list.length; ++i) {
            vm.assertEq(list[i].from, _model[i].from, "from");
            vm.assertEq(list[i].until, _model[i].until, "until");
        }
        for (uint256 i = 0; i < _atEndOf.length; ++i) {
            bool covered = _covers(list, _first + i);
            vm.assertTrue(covered == _atEndOf[i], "the intervals tell each block's end");
        }
    }

    /// @dev The same for restrictions, which may be imposed again in the block of their closing.
    function testFuzz_restrictionsTellEachBlocksEnd(bytes32[2] calldata steps) public {
        _first = block.number;
        bool imposed = false;
        for (uint256 i = 0; i < 64; ++i) {
            uint8 step = uint8(steps[i / 32][i % 32]) % 3;
            if (step == 0 && !imposed) {
                _restriction.impose();
                imposed = true;
            } else if (step == 1 && imposed) {
                _restriction.close();
                imposed = false;
            } else if (step == 2) {
                _atEndOf.push(imposed);
                vm.roll(block.number + 1);
            }
            vm.assertTrue(_restriction.inForce() == imposed, "now");
        }
        Interval[] memory list = _restriction.intervals();
        for (uint256 i = 0; i < _atEndOf.length; ++i) {
            vm.assertTrue(_covers(list, _first + i) == _atEndOf[i], "at a block's end");
        }
        for (uint256 i = 1; i < list.length; ++i) {
            vm.assertTrue(list[i - 1].until != 0, "only the last may be open");
            vm.assertTrue(list[i - 1].until < list[i].from, "intervals are apart and in order");
        }
    }

    function _openBoth() private {
        uint256 n = _model.length;
        bool isOpen = n != 0 && _model[n - 1].until == 0;
        bool closedNow = n != 0 && _model[n - 1].until == block.number;
        try _right.open() {
            vm.assertFalse(isOpen || closedNow, "opened what the model refuses");
            _model.push(Interval(uint64(block.number), 0));
        } catch {
            vm.assertTrue(isOpen || closedNow, "refused what the model opens");
        }
        vm.assertTrue(_right.inForce() == !closedNow, "in force after an opening");
    }

    function _closeBoth() private {
        uint256 n = _model.length;
        bool isOpen = n != 0 && _model[n - 1].until == 0;
        try _right.close() {
            vm.assertTrue(isOpen, "closed what the model has not open");
            _model[n - 1].until = uint64(block.number);
        } catch {
            vm.assertFalse(isOpen, "refused what the model closes");
        }
        vm.assertFalse(_right.inForce(), "in force after a closing");
    }

    function _nextBlock() private {
        _atEndOf.push(_right.inForce());
        vm.roll(block.number + 1);
    }

    function _covers(Interval[] memory list, uint256 number) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            bool begun = list[i].from <= number;
            if (begun && (list[i].until == 0 || number < list[i].until)) return true;
        }
        return false;
    }
}
