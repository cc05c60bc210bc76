// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {AnchorRegistry} from "../../contracts/AnchorRegistry.sol";
import {IAnchorRegistry} from "../../contracts/interfaces/IAnchorRegistry.sol";
import {Role} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

contract AnchorsTest is Fixture {
    uint32 private constant MAX_SIZE = 2 ** 20;

    function testFuzz_aRootIsAnchoredOnceWithItsTimeBlockAndSize(
        bytes32 root,
        uint32 size,
        uint40 time,
        uint32 number
    ) public {
        size = uint32(1 + _bounded(size, MAX_SIZE));
        vm.assume(root != 0 && number > block.number && time > block.timestamp);
        vm.warp(time);
        vm.roll(number);
        vm.expectEmit(true, true, true, true, address(anchors));
        emit IAnchorRegistry.Anchored(CITY, root, size, time);
        vm.prank(anchorer);
        anchors.anchor(CITY, root, size);
        _mine();
        _refuseAnchored(root);
        vm.prank(anchorer);
        anchors.anchor(CITY, root, size);
        (uint64 anchoredTime, uint64 anchoredBlock, uint32 anchoredSize) =
            anchors.anchorOf(CITY, root);
        vm.assertEq(anchoredTime, time, "time");
        vm.assertEq(anchoredBlock, number, "block");
        vm.assertEq(anchoredSize, size, "size");
    }

    function test_everyDepartmentAnchorsForItself() public {
        vm.prank(countyAdmin);
        departments.grantRole(COUNTY, COUNTY, Role.Anchor, outsider);
        vm.prank(outsider);
        anchors.anchor(COUNTY, X, 1);
        vm.prank(anchorer);
        anchors.anchor(CITY, X, 2);
        (,, uint32 size) = anchors.anchorOf(CITY, X);
        vm.assertEq(size, 2, "nobody occupies another's root");
        (,, size) = anchors.anchorOf(OTHER_CITY, X);
        vm.assertEq(size, 0, "not anchored there");
    }

    function testFuzz_nobodyElseAnchors(address caller) public {
        vm.assume(caller != anchorer);
        bytes32[] memory roots = _kinds(X);
        uint32[] memory sizes = _indices(1);
        vm.startPrank(caller);
        _refuseUnauthorised(CITY, Role.Anchor, caller);
        anchors.anchor(CITY, X, 1);
        _refuseUnauthorised(CITY, Role.Anchor, caller);
        anchors.anchorMany(CITY, roots, sizes);
        vm.stopPrank();
    }

    function test_notEvenAboveOrBelow() public {
        vm.startPrank(anchorer);
        _refuseUnauthorised(COUNTY, Role.Anchor, anchorer);
        anchors.anchor(COUNTY, X, 1);
        _refuseUnauthorised(PROVINCE, Role.Anchor, anchorer);
        anchors.anchor(PROVINCE, X, 1);
        vm.stopPrank();
    }

    function test_badRootsAndSizesAreRefused() public {
        vm.startPrank(anchorer);
        _refuse(IAnchorRegistry.ZeroRoot.selector);
        anchors.anchor(CITY, 0, 1);
        _refuse(IAnchorRegistry.ZeroSize.selector);
        anchors.anchor(CITY, X, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorRegistry.SizeTooLarge.selector, MAX_SIZE + 1, MAX_SIZE)
        );
        anchors.anchor(CITY, X, MAX_SIZE + 1);
        anchors.anchor(CITY, X, MAX_SIZE);
        vm.stopPrank();
    }

    function test_manyRootsAreAnchoredInOneCall() public {
        (bytes32[] memory roots, uint32[] memory sizes) = _batch(1_024);
        vm.prank(anchorer);
        anchors.anchorMany(CITY, roots, sizes);
        for (uint256 i = 0; i < roots.length; i += 93) {
            (uint64 time, uint64 number, uint32 size) = anchors.anchorOf(CITY, roots[i]);
            vm.assertEq(time, block.timestamp, "time");
            vm.assertEq(number, block.number, "block");
            vm.assertEq(size, sizes[i], "size");
        }
    }

    function test_manyOrNone() public {
        (bytes32[] memory roots, uint32[] memory sizes) = _batch(3);
        vm.startPrank(anchorer);
        anchors.anchor(CITY, roots[2], 9);
        _refuseAnchored(roots[2]);
        anchors.anchorMany(CITY, roots, sizes);
        (,, uint32 size) = anchors.anchorOf(CITY, roots[0]);
        vm.assertEq(size, 0, "none");
        vm.stopPrank();
    }

    function test_aRootTwiceInACallIsRefused() public {
        (bytes32[] memory roots, uint32[] memory sizes) = _batch(2);
        roots[1] = roots[0];
        _refuseAnchored(roots[0]);
        vm.prank(anchorer);
        anchors.anchorMany(CITY, roots, sizes);
    }

    function test_badBatchesAreRefused() public {
        (bytes32[] memory roots, uint32[] memory sizes) = _batch(1_025);
        vm.startPrank(anchorer);
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorRegistry.TooManyRoots.selector, 1_025, 1_024)
        );
        anchors.anchorMany(CITY, roots, sizes);
        (, uint32[] memory fewer) = _batch(2);
        vm.expectRevert(abi.encodeWithSelector(IAnchorRegistry.LengthsDiffer.selector, 1_025, 2));
        anchors.anchorMany(CITY, roots, fewer);
        (roots, sizes) = _batch(0);
        _refuse(IAnchorRegistry.NoRoots.selector);
        anchors.anchorMany(CITY, roots, sizes);
        vm.stopPrank();
    }

    function test_aWithdrawnAnchorerAnchorsNoMore() public {
        vm.prank(cityAdmin);
        departments.withdrawRole(CITY, CITY, Role.Anchor, anchorer);
        _refuseUnauthorised(CITY, Role.Anchor, anchorer);
        vm.prank(anchorer);
        anchors.anchor(CITY, X, 1);
    }

    function _batch(uint256 count)
        private
        pure
        returns (bytes32[] memory roots, uint32[] memory sizes)
    {
        roots = new bytes32[](count);
        sizes = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            roots[i] = keccak256(abi.encode(i));
            sizes[i] = uint32(i + 1);
        }
    }

    function _refuseAnchored(bytes32 root) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorRegistry.AlreadyAnchored.selector, CITY, root)
        );
    }
}
